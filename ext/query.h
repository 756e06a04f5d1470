/* Inputs chosen from the own weights (Ruttor 2006, 5.1). */
#ifndef DYNAMICRYPT_QUERY_H
#define DYNAMICRYPT_QUERY_H

#include <stddef.h>
#include <stdint.h>

/* Random bytes that the query of one unit takes: a sign, a rounding for each size, one a weight. */
size_t query_random_bytes(int32_t n, int32_t l);

/* How many of the `sizes[i]` weights of size i get an input of their own sign, for i in 1..l, so that
   the local field is about `reach` or -`reach`. `random` holds 4 * (1 + l) bytes. */
void query_aligned(const int32_t *sizes, int32_t l, double reach, const uint8_t *random,
                   int32_t *aligned);

/* Writes ceil(N/8) bytes of input bits under which the local field is about `reach` or -`reach`,
   where reach = H * sqrt(N). `random` holds query_random_bytes. */
void query_unit(const int8_t *weights, int32_t n, int32_t l, double reach, const uint8_t *random,
                uint8_t *bits);

#endif
