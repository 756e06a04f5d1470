/* Attackers in the lanes: pairs of machines, each with a crowd of attackers that act together.
 *
 * A pair and its attackers share the lanes of one or more columns and see the same inputs. Small
 * crowds share a group of eight columns, each with a pair of its own. Majority attack: Shacham,
 * Klein, Mislovaty, Kanter, Kinzel 2004; genetic attack: Klimov, Mityagin, Shamir 2002; both as in
 * Ruttor 2006, 4.1.3 and 4.1.4. Not thread-safe; one group to one thread. */
#ifndef DYNAMICRYPT_SIMULATION_CROWD_H
#define DYNAMICRYPT_SIMULATION_CROWD_H

#include "simulation.h"
#include "simulation_pairs.h"

enum crowd_strategy { CROWD_GEOMETRIC, CROWD_MAJORITY, CROWD_GENETIC };

enum {
    MAJORITY_FROM = 100, /* steps that a majority starts with geometrically */
    HISTORY = 20,        /* V: learning outputs that a genetic attacker remembers */
    PREDICTED = 10,      /* U: those it must have predicted to stay */
    SURVIVORS = 20,      /* attackers that stay in any case */
    MAX_VOTING_UNITS = 12,  /* a vote counts 2^(k-1) representations */
    MAX_BRANCHING_UNITS = 7 /* the variants of a machine must fit a column */
};

struct crowd_plan {
    struct network network;
    enum learning rule;
    enum crowd_strategy strategy;
    size_t attackers;  /* M: machines, or at most that many in the genetic attack */
    int secret_inputs; /* they do not see the inputs and guess them */
    size_t package;    /* B: steps whose outputs travel together */
    double field;      /* H * sqrt(n) of queries; 0 for random inputs */
    uint64_t delay;    /* steps that the partners go on after they have synchronised */
    uint64_t limit;    /* steps after which a pair gives up */
    uint64_t key;      /* of all random numbers */
    uint64_t number;   /* of this group under the key */
};

/* What comes of the runs, in the order in which they were started; any pointer may be NULL. */
struct crowd_results {
    int64_t *steps;   /* [run] steps to full synchronisation; -1 where the limit came first */
    int32_t *matched; /* [run] weights equal to A's after the delay, of the best attacker */
    int64_t *work;    /* [run] attacker-steps: the sum over the steps of the machines at work */
};

struct crowd;

/* NULL when memory is short. */
struct crowd *crowd_new(const struct crowd_plan *plan, const struct lane_kernel *kernel);
void crowd_free(struct crowd *crowd);

/* How many pairs run side by side. */
size_t crowd_pairs(const struct crowd *crowd);

/* Runs `runs` pairs to their end. For a group that is new. */
void crowd_run(struct crowd *crowd, uint64_t runs, const struct crowd_results *results);

/* Fills the crowd with fresh pairs; for those who want to look step by step. */
void crowd_fill(struct crowd *crowd);

/* Learns from the package before, makes the next inputs and evaluates them. */
void crowd_advance(struct crowd *crowd);

/* Attackers at work on a pair. */
size_t crowd_size(const struct crowd *crowd, size_t pair);

/* Weights (k*n) of A (0), B (1), or the attackers at work (2...) of a pair. */
void crowd_weights(const struct crowd *crowd, size_t pair, size_t machine, int8_t *weights);

/* Inputs (-1, +1) of a step of the present package; attackers' own if they are secret. */
void crowd_inputs(const struct crowd *crowd, size_t pair, size_t step, int attacker,
                  int8_t *inputs);

#endif
