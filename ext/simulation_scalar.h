/* One pair after the other, a byte to a weight: what the bit-sliced simulation is measured against,
 * and the frame of the probabilistic attack, which is not a tree parity machine. */
#ifndef DYNAMICRYPT_SIMULATION_SCALAR_H
#define DYNAMICRYPT_SIMULATION_SCALAR_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"
#include "simulation_random.h"

/* Uniform weights in -l..l by rejection. */
void scalar_draw(int32_t l, int8_t *weights, size_t count, struct numbers *numbers);

/* Random inputs, -1 and +1. */
void scalar_inputs(int8_t *inputs, size_t count, struct numbers *numbers);

/* Steps until one fresh pair has synchronised, -1 after `limit`. `scratch` holds
 * (3 + attackers) * k*n bytes: the inputs, A, B and attackers that make the geometric
 * correction. */
int64_t scalar_synchronise(const struct shape *shape, size_t attackers, uint64_t limit,
                           struct numbers *numbers, int8_t *scratch);

#endif
