/* What a crowd is made of, for the files that do its parts (simulation_crowd.h). */
#ifndef DYNAMICRYPT_SIMULATION_CROWD_STATE_H
#define DYNAMICRYPT_SIMULATION_CROWD_STATE_H

#include "simulation_crowd.h"
#include "simulation_random.h"

enum { SCORE_BITS = 5 }; /* of the number of right predictions, 0..HISTORY */

/* One pair with its attackers: `columns` columns from `first`; A and B are lanes 0 and 1 of the
 * first. The attackers follow at lane 2, or at lane 64 if their lanes are to be moved about. */
struct chunk {
    size_t first;
    size_t size;      /* attackers at work */
    size_t history;   /* place in the ring of predictions */
    uint64_t began;   /* the clock at its first step */
    uint64_t run;     /* number of the run, UINT64_MAX for none */
    int64_t work;
    int synchronised; /* found by the last evaluation */
    uint64_t met;     /* the clock when it was found first, UINT64_MAX before */
    struct numbers querier;
};

struct crowd {
    struct crowd_plan plan;
    const struct lane_kernel *kernel;
    size_t pairs;         /* chunks side by side */
    size_t chunk_columns; /* columns of a chunk */
    size_t columns;       /* columns of the group: a multiple of GROUP_COLUMNS */
    size_t parts;         /* vectors: columns / kernel->columns */
    size_t common;        /* 1 if all vectors see the same inputs, which are then kept once */
    int present;          /* which of inputs[2] is of the present package */
    int looked;           /* `crowd_advance` was called before */
    uint64_t clock;
    struct chunk *chunk;
    void *memory;
    /* Arrays of logical words, one after the other for each vector. */
    uint64_t *weights;   /* [part][k][n][planes] */
    uint64_t *inputs[2]; /* [part or 1][step][k][n] */
    uint64_t *guesses;   /* [part][step][k][n] attackers' inputs, before they are put in place */
    uint64_t *start;     /* [part or 1][k][sums] */
    uint64_t *sums;      /* [k][sums] of the vector at hand */
    uint64_t *sigma;     /* [part][step][k]; after `decide` the moves */
    uint64_t *turn;      /* [part][step] */
    uint64_t *shared;    /* [part or 1][4] streams of the inputs: the same in all of a chunk */
    uint64_t *guessing;  /* [part][4] streams of the guesses: the same in all of a chunk */
    uint64_t *fresh;     /* [part][4] streams of start weights */
    uint64_t *compared;  /* [k][n][planes] A's weights in all lanes, and [MAX_SUMS] counters */
    uint64_t *zero;      /* [k] */
    uint64_t *output;    /* [part][step] tau of every lane before correction, set for +1 */
    uint64_t *predicted; /* [part][HISTORY] which learning outputs it predicted */
    uint64_t *score;     /* [part][SCORE_BITS] how many of them */
    uint64_t *alive;     /* by column: attackers at work */
    uint64_t *packed;    /* by column, and one more */
    int8_t *unit;
    uint8_t *negative;
    uint8_t *asking; /* scratch of queries */
};

static inline size_t weights_words(const struct crowd *c)
{
    return c->plan.network.k * c->plan.network.n * (size_t)c->plan.network.planes;
}

static inline size_t inputs_words(const struct crowd *c)
{
    return c->plan.network.k * c->plan.network.n;
}

/* Logical word `index` of a column in an array of `words` words for each vector. */
static inline uint64_t *cell(const struct crowd *c, uint64_t *array, size_t words, size_t index,
                      size_t column)
{
    const size_t width = c->kernel->columns;
    return array + (column / width * words + index) * width + column % width;
}

static inline size_t lane_of_attackers(const struct crowd *c)
{
    return c->plan.strategy == CROWD_GENETIC ? 64 : 2;
}

/* The lanes of column `i` of a chunk that the first `size` attackers take. */
static inline uint64_t attackers_mask(const struct crowd *c, size_t i, size_t size)
{
    const size_t from = lane_of_attackers(c);
    const size_t to = from + size;
    const size_t low = i * 64 > from ? 0 : from - i * 64;
    const size_t high = to > i * 64 ? to - i * 64 : 0;
    if (low >= 64 || high <= low)
        return 0;
    const uint64_t below = high >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << high) - 1;
    return below & ~((UINT64_C(1) << low) - 1);
}

static inline uint64_t *output_of(const struct crowd *c, size_t step, size_t column)
{
    return cell(c, c->output, c->plan.package, step, column);
}

static inline uint64_t *sigma_of(const struct crowd *c, size_t step, size_t unit, size_t column)
{
    const size_t k = c->plan.network.k;
    return cell(c, c->sigma, c->plan.package * k, step * k + unit, column);
}

/* sigma of a unit in internal representation `number` among those with output `positive`: the bits
 * of the number are the first k-1 signs, the last one follows. */
static inline int sign_in(size_t number, size_t unit, size_t k, int positive)
{
    if (unit + 1 < k)
        return (int)(number >> unit & 1);
    const int negatives = (int)(k - 1) - __builtin_popcountll(number);
    return (negatives & 1) ^ positive;
}

/* simulation_crowd_memory.c: `count` weights from `first` on of the machine in one lane. */
void crowd_read(const struct crowd *crowd, size_t column, unsigned bit, size_t first, size_t count,
                int8_t *weights);

/* simulation_crowd_inputs.c: makes the inputs of the present package. */
void crowd_make_inputs(struct crowd *crowd);

/* simulation_majority.c: all attackers take one representation, in a step with output `positive`. */
void crowd_vote(struct crowd *crowd, struct chunk *chunk, size_t step, int positive);

/* simulation_genetic.c: attackers multiply while they are few, else those that predict badly go. */
void crowd_evolve(struct crowd *crowd, struct chunk *chunk, size_t step, int positive);

#endif
