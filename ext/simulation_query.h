/* Queries (query.h) with random numbers of the simulation. */
#ifndef DYNAMICRYPT_SIMULATION_QUERY_H
#define DYNAMICRYPT_SIMULATION_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "simulation_random.h"

/* Bytes of scratch that a query of one unit wants. */
size_t asking_bytes(size_t n, int l);

/* `negative[j]` = 1 where the input of weight j is -1, else 0. `field` is H * sqrt(n). */
void ask_unit(const int8_t *weights, size_t n, int l, double field, struct numbers *numbers,
              uint8_t *scratch, uint8_t *negative);

#endif
