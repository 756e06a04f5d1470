/* Bit-sliced simulation of tree parity machines: shapes, layout and the table of kernels.
 *
 * One lane is one machine; 64 lanes make a column (one bit each of a uint64_t), and 8 columns,
 * 512 lanes, a group. A kernel works on vectors of `columns` columns: 1, 2, 4 or 8.
 *
 * A logical word is the same bit of every lane of a vector: `columns` consecutive uint64_t; 64-byte
 * alignment makes them fast. All arrays below hold logical words.
 *
 *   weights  [k][n][planes]  u = w + 2^(planes-1), one word per bit, lowest first
 *   inputs   [k][n]          bit set where x = -1
 *   start    [k][sums]       what a sum of a unit starts from (see `tally`)
 *   sums     [k][sums]       2^(sums-1) + h - 1, so that the top bit says h > 0, i.e. sigma = +1
 *   move     [k]             bit set where the unit takes the update
 *   turn                     xor-ed into the inputs, gives the direction: set means down
 *
 * Negation of a weight is the complement of u; it falls one short, which `tally` makes good by
 * the number of negative inputs, once for all machines that see the same inputs.
 *
 * Kernels allocate nothing, keep no state of their own, and give the same bits on every
 * instruction set: each column depends on that column alone.
 */
#ifndef DYNAMICRYPT_SIMULATION_H
#define DYNAMICRYPT_SIMULATION_H

#include <stddef.h>
#include <stdint.h>

enum { GROUP_COLUMNS = 8, GROUP_LANES = 512, MAX_SUMS = 28, MAX_PLANES = 8, MAX_UNITS = 64 };

struct network {
    size_t k, n;    /* hidden units, inputs of each */
    int l;          /* largest weight */
    int planes;     /* bits of a weight: smallest with 2^planes > 2l */
    int sums;       /* bits of a sum, the sign included */
};

/* Fills in planes and sums; the ranges (k 1..64, n 1..16384, l 1..127) are the caller's care. */
struct network network_of(size_t k, size_t n, int l);

struct lane_kernel {
    const char *name;
    size_t columns;

    /* `count` words of random inputs, every lane its own; rng is 4 words of xoshiro256++. */
    void (*draw)(uint64_t *rng, uint64_t *inputs, size_t count);

    /* `count` words of random inputs, all lanes of a column the same. */
    void (*draw_common)(uint64_t *rng, uint64_t *inputs, size_t count);

    /* The start of the sums for these inputs. */
    void (*tally)(const struct network *network, const uint64_t *inputs, uint64_t *start);

    /* Learn from the old inputs, then sum over the new ones, in one pass over the weights. */
    void (*pass)(const struct network *network, uint64_t *weights, const uint64_t *old_inputs,
                 const uint64_t *new_inputs, const uint64_t *start, const uint64_t *move,
                 const uint64_t *turn, uint64_t *sums);

    /* The same; besides one word, `differ`, where the learnt weights differ from `other`. */
    void (*pass_compare)(const struct network *network, uint64_t *weights, const uint64_t *old_inputs,
                         const uint64_t *new_inputs, const uint64_t *start, const uint64_t *move,
                         const uint64_t *turn, uint64_t *sums, const uint64_t *other,
                         uint64_t *differ);

    /* sigma [k] with the geometric correction: where the product of the signs is not `target`
     * (bit set for +1) the unit of smallest |h|, the first of equals, is flipped. */
    void (*correct)(const struct network *network, const uint64_t *sums, const uint64_t *target,
                    uint64_t *sigma);

    /* New weights, uniform in -l..l by rejection, in the lanes of `mask` (one word). */
    void (*redraw)(const struct network *network, uint64_t *weights, const uint64_t *mask,
                   uint64_t *rng);

    /* Number of equal weights of two machines in each lane: `counters` words, lowest bit first. */
    void (*matches)(const struct network *network, const uint64_t *a, const uint64_t *b,
                    uint64_t *count, int counters);

    /* How many weights of one unit have each size: `sizes` [l][counters], of size 1 first. */
    void (*count_sizes)(const struct network *network, const uint64_t *weights, uint64_t *sizes,
                        int counters);

    /* `inputs` [n] of a query of one unit: of the weights of each size, of which there are `sizes`,
     * a random subset of `aligned` gets an input of their own sign, the others the opposite one;
     * inputs at weights of 0 are random. The chance of a weight to be in the subset is off by at
     * most 2^-16. Counts both arrays, as of `count_sizes`, down to 0. */
    void (*choose)(const struct network *network, const uint64_t *weights, uint64_t *sizes,
                   uint64_t *aligned, int counters, uint64_t *rng, uint64_t *inputs);

    /* The bits of `word` at the set bits of `mask`, moved together at the low end. */
    uint64_t (*compress)(uint64_t word, uint64_t mask);

    /* Each of the low 64 / 2^log bits of `word` repeated 2^log times. */
    uint64_t (*spread)(uint64_t word, int log);
};

/* The kernels that this processor runs, best first; the last is "plain". Ends with NULL. */
const struct lane_kernel *const *lane_kernels(void);

/* Fills a state of xoshiro256++ for stream `number` under `key`; `stride` words apart. */
void seed_stream(uint64_t key, uint64_t number, uint64_t *state, size_t stride);

#endif
