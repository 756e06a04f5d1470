/* Where the weights of A drift to, as far as public steps tell: every weight has a distribution over
 * -l..l, and in a step from which the partners learn it moves with the chance that its unit does.
 *
 * As the probabilistic attack (simulation_probability.h), but without Bayes' rule for the weights,
 * which at K = 6 changes next to nothing; that makes a step cheap. */
#ifndef DYNAMICRYPT_SIMULATION_DRIFT_H
#define DYNAMICRYPT_SIMULATION_DRIFT_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"
#include "simulation_random.h"

struct drift {
    const struct shape *shape;
    float *chance; /* [2l+1][k*n] */
    float *mean;   /* [k*n] of each weight, at the start of the package */
    float *up;     /* [k*n] chances to move up, or down; scratch, as `carried` */
    float *down;
    float *carried;
    double spread[64]; /* standard deviation of the field of each unit, at that time */
};

/* Floats that the arrays want together. */
size_t drift_floats(const struct shape *shape);

/* Every weight uniform; `floats` is the room for the arrays. */
void drift_start(struct drift *drift, const struct shape *shape, float *floats);

/* Outputs to come are made by the weights of now. */
void drift_open_package(struct drift *drift);

/* A step from which the partners learn. */
void drift_learn(const struct drift *drift, const int8_t *inputs, int output);

/* Draws weights, each from its distribution to the power of `sharpness`, made to sum to 1. Powers are
 * left in `chance`: it is then of no other use. */
void drift_sharpen(struct drift *drift, float sharpness);
void drift_draw(const struct drift *drift, struct numbers *numbers, int8_t *weights);

#endif
