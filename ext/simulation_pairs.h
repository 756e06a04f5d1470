/* A group of 512 independent pairs of machines in lockstep, one pair in each lane, with attackers
 * that listen to each pair (Ruttor 2006, 2.1, 4.2). Not thread-safe; one group to one thread.
 *
 * A lane whose pair has synchronised is frozen until a batch of such lanes is refilled with fresh
 * pairs. All runs asked for are started and all that were started are finished: stopping at the
 * first so many would favour short ones. */
#ifndef DYNAMICRYPT_SIMULATION_PAIRS_H
#define DYNAMICRYPT_SIMULATION_PAIRS_H

#include "simulation.h"

enum learning { LEARN_HEBBIAN, LEARN_ANTI_HEBBIAN, LEARN_RANDOM_WALK };

struct pairs_plan {
    struct network network;
    enum learning rule;
    size_t attackers;  /* machines that listen to each pair */
    int geometric;     /* they make the geometric correction; else the simple attack */
    int secret_inputs; /* they do not see the inputs and guess them */
    size_t package;    /* B: steps whose outputs travel together */
    double field;      /* H * sqrt(n) of queries; 0 for random inputs */
    uint64_t delay;    /* steps that the partners go on after they have synchronised */
    uint64_t limit;    /* steps after which a pair gives up */
    uint64_t key;      /* of all random numbers */
    uint64_t number;   /* of this group under the key */
};

/* What comes of the runs, in the order in which they were started; any pointer may be NULL. */
struct pairs_results {
    int64_t *steps;   /* [run] steps to full synchronisation; -1 where the limit came first */
    int32_t *matched; /* [run][attackers] weights equal to A's when the lane was frozen */
    int8_t *weights;  /* [run][k*n] A's weights when the lane was frozen */
};

struct pairs;

/* NULL when memory is short. */
struct pairs *pairs_new(const struct pairs_plan *plan, const struct lane_kernel *kernel);
void pairs_free(struct pairs *pairs);

/* Runs `runs` pairs to their end. For a group that is new. */
void pairs_run(struct pairs *pairs, uint64_t runs, const struct pairs_results *results);

/* Fills all lanes with fresh pairs; for those who want to look step by step. */
void pairs_fill(struct pairs *pairs);

/* Learns from the package before, makes the next inputs and evaluates them; nothing is frozen. */
void pairs_advance(struct pairs *pairs);

/* The weights of machine 0 (A), 1 (B), 2... (attackers) in a lane; k*n of them. */
void pairs_weights(const struct pairs *pairs, size_t machine, size_t lane, int8_t *weights);

/* Inputs (-1, +1) of a step of the present package; attackers' own if they are secret. */
void pairs_inputs(const struct pairs *pairs, size_t step, int attacker, size_t lane,
                  int8_t *inputs);

#endif
