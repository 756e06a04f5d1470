/* The probabilistic attack (Klimov, Mityagin, Shamir 2002, section 4): a distribution over -l..l
 * for every weight of A, moved by every public step as Bayes' rule has it.
 *
 * Weights are taken as independent of each other and local fields as normal, which is what keeps
 * a step linear in k*n*(2l+1). */
#ifndef DYNAMICRYPT_SIMULATION_PROBABILITY_H
#define DYNAMICRYPT_SIMULATION_PROBABILITY_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"
#include "simulation_random.h"

struct belief {
    const struct shape *shape;
    double *chance; /* [k][n][2l+1] of the weights by which the next output is made */
    double *joint;  /* [k][n][2l+1][2l+1] those and what has become of them; NULL without packages */
    double *mean;   /* [n], scratch */
    double *spread; /* [n], scratch: variances */
    double *normal; /* [NORMAL_POINTS] the normal distribution, from -NORMAL_END on */
};

enum { NORMAL_END = 8, NORMAL_PER_UNIT = 64, NORMAL_POINTS = 2 * NORMAL_END * NORMAL_PER_UNIT + 2 };

/* Every weight uniform; fills in `normal`. */
void belief_start(const struct belief *belief);

/* Outputs of a package are made by the weights at its start, which then all are learnt: between
 * these two calls `chance` is of those, and sharpened by each step. Without `joint` they do
 * nothing. */
void belief_open_package(const struct belief *belief);
void belief_close_package(const struct belief *belief);

/* A public step: A's output for the inputs, and whether the partners learnt from it. */
void belief_hear(const struct belief *belief, const int8_t *inputs, int output, int learnt);

/* The most probable weights; of equals the smallest. */
void belief_guess(const struct belief *belief, int8_t *weights);

struct eavesdropping {
    struct shape shape;
    size_t package; /* B: steps whose outputs travel together */
    double field;   /* H * sqrt(n) of queries; 0 for random inputs */
    uint64_t delay; /* steps that the partners go on after they have synchronised */
    uint64_t limit; /* steps after which the pair gives up */
};

/* Doubles of scratch that `eavesdrop` wants; bytes of scratch. */
size_t eavesdropping_doubles(const struct eavesdropping *plan);
size_t eavesdropping_bytes(const struct eavesdropping *plan);

/* A fresh pair is run to its end under the ears of the attack. Returns its steps, -1 at the limit;
 * `matched` is the number of weights of A that were guessed. */
int64_t eavesdrop(const struct eavesdropping *plan, struct numbers *numbers, double *doubles,
               int8_t *bytes, int32_t *matched);

#endif
