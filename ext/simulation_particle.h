/* The particle attack: machines that start near where the weights have drifted to
 * (simulation_drift.h), shortly before the partners meet, guess the signs that they doubt, and
 * multiply or die by how well they predict.
 *
 * A particle filter (Gordon, Salmond, Smith 1993) whose population shrinks. It works on a record,
 * so that it knows when the partners will have met. */
#ifndef DYNAMICRYPT_SIMULATION_PARTICLE_H
#define DYNAMICRYPT_SIMULATION_PARTICLE_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"
#include "simulation_random.h"

struct particles {
    const struct shape *shape;
    size_t machines;   /* of the population now */
    size_t fewest;     /* that it does not shrink below */
    double share;      /* of the machines, that live on after a package */
    int8_t *weights;   /* [machines][k*n] */
    int8_t *spare;     /* the same */
    double *score;     /* [machines] log of how well each predicted, since the last selection */
    uint64_t *moves;   /* [package] scratch: internal representations */
    double *flip;      /* [2nl+1] P(sigma = +1) for every field from -nl on, to guess with */
    double *doubt;     /* the same, to predict with: less certain */
};

/* Outputs that are public: inputs [steps][k*n], what A and B answered, -1 or +1. */
struct heard {
    const int8_t *inputs;
    const int8_t *a, *b;
    size_t steps;
};

/* Fills in `flip` and `doubt` for noise of these standard deviations in a field. */
void particles_certainty(const struct particles *particles, double flip, double doubt);

/* All machines listen to a package. */
void particles_listen(const struct particles *particles, const struct heard *package,
                      struct numbers *numbers);

/* Draws the machines that live on, in proportion to exp(score); scores start from 0 again. */
void particles_select(struct particles *particles, struct numbers *numbers);

struct hunt {
    struct shape shape;
    size_t machines;  /* at the start */
    size_t fewest;
    double share;
    double flip;      /* standard deviations, in units of that of a field of uniform weights */
    double doubt;
    float sharpness;  /* of the distributions that machines are drawn from */
    uint64_t recent;  /* steps before synchronisation from which machines listen */
    uint64_t before;  /* steps before these from which weights are followed */
    size_t package;   /* B: steps whose outputs travel together, up to 64 */
    uint64_t delay;   /* steps that the partners go on after they have synchronised */
    uint64_t limit;   /* steps after which the pair gives up */
};

struct quarry {
    int64_t steps;   /* to synchronisation; -1 where the limit came first, and nobody attacked */
    int32_t matched; /* weights that the best machine had in the end */
    int64_t work;    /* steps of machines */
    int64_t followed; /* steps of learning in which distributions moved */
};

/* Bytes of scratch of a hunt, to be aligned to 8. */
size_t hunt_bytes(const struct hunt *hunt);

/* A fresh pair is run to its end and its record attacked. */
struct quarry hunt_run(const struct hunt *hunt, struct numbers *numbers, void *scratch);

#endif
