/* What a group of pairs is made of, for the files that do its parts (simulation_pairs.h). */
#ifndef DYNAMICRYPT_SIMULATION_PAIRS_STATE_H
#define DYNAMICRYPT_SIMULATION_PAIRS_STATE_H

#include "simulation_pairs.h"
#include "simulation_random.h"

/* One vector of lanes; all arrays hold logical words. */
struct part {
    uint64_t *weights;      /* [machine][k][n][planes] */
    uint64_t *inputs[2];    /* [set][step][k][n] of the package before and of the present one */
    uint64_t *start;        /* [set][k][sums] */
    uint64_t *sums;         /* [k][sums] */
    uint64_t *sigma;        /* [step][machine][k]; after `decide` the moves */
    uint64_t *output;       /* [step][A, B]: bit set for +1 */
    uint64_t *turn;         /* [step] */
    uint64_t *rng;          /* [4] */
};

struct pairs {
    struct pairs_plan plan;
    const struct lane_kernel *kernel;
    size_t machines, sets, parts;
    int present; /* which of inputs[2] is of the present package */
    uint64_t *zero;   /* [k] */
    uint64_t *asking; /* scratch of queries */
    struct part part[GROUP_COLUMNS];
    struct numbers querier[GROUP_COLUMNS];
    uint64_t clock;         /* steps that all lanes have learnt */
    uint64_t began[GROUP_LANES];
    uint64_t differ[GROUP_COLUMNS];
    uint64_t done[GROUP_COLUMNS];   /* synchronised or given up, or never filled */
    uint64_t frozen[GROUP_COLUMNS]; /* done, and the delay is over */
    void *memory;
};

static inline uint64_t *machine_weights(const struct pairs *p, const struct part *part, size_t machine)
{
    const struct network *net = &p->plan.network;
    return part->weights +
           machine * net->k * net->n * (size_t)net->planes * p->kernel->columns;
}

/* simulation_pairs_package.c: learns from the package before in one vector of lanes, makes the next
 * inputs and evaluates them; notes in `differ` where A and B differed before. */
void pairs_look(struct pairs *pairs, size_t number);

/* Turns the signs of the package into moves, save in frozen lanes. */
void pairs_decide(struct pairs *pairs, size_t number);

#endif
