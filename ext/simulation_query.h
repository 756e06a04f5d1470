/* Inputs chosen by one of the partners so that its local fields are +-H (Ruttor 2006, 5.1). */
#ifndef DYNAMICRYPT_SIMULATION_QUERY_H
#define DYNAMICRYPT_SIMULATION_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "simulation_random.h"

/* `negative[j]` = 1 where the input of weight j is -1, else 0. `field` is H * sqrt(n).
 *
 * Numbers are drawn in the order of dynamicrypt.tpm.reference.query_unit: the sign of the field,
 * for each size l..1 of a weight which way to round, then one for each input. */
void query_unit(const int8_t *weights, size_t n, int l, double field, struct numbers *numbers,
                uint8_t *negative);

#endif
