/* Queries (query.h) with random numbers of the simulation. */
#ifndef DYNAMICRYPT_SIMULATION_QUERY_H
#define DYNAMICRYPT_SIMULATION_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "simulation.h"
#include "simulation_random.h"

/* Bytes of scratch that a query of one unit of one machine wants. */
size_t asking_bytes(size_t n, int l);

/* `negative[j]` = 1 where the input of weight j is -1, else 0. `field` is H * sqrt(n). */
void ask_unit(const int8_t *weights, size_t n, int l, double field, struct numbers *numbers,
              uint8_t *scratch, uint8_t *negative);

/* Words of scratch for each column that a query of one unit of a vector of machines wants. */
size_t asking_words(const struct network *network);

/* `inputs` [n] of a query of one unit of the machines in the lanes of a vector: each column draws
 * from numbers of its own and from its generator in `rng`. `scratch` is aligned as `weights`. */
void ask_lanes(const struct lane_kernel *kernel, const struct network *network,
               const uint64_t *weights, double field, struct numbers *numbers, uint64_t *rng,
               uint64_t *scratch, uint64_t *inputs);

#endif
