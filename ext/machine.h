/* One tree parity machine, byte by byte: the plain form that the banks' kernels are held against.
   Definitions: Ruttor 2006, 2.1; sgn(0) = -1. */
#ifndef DYNAMICRYPT_MACHINE_H
#define DYNAMICRYPT_MACHINE_H

#include <stddef.h>
#include <stdint.h>

enum rule { RULE_HEBBIAN, RULE_ANTI_HEBBIAN, RULE_RANDOM_WALK };

/* K units of N inputs, weights -L..L; weights and inputs are K*N bytes, row-major. */
struct shape {
    int32_t k; /* 1..64 */
    int32_t n; /* 1..16384 */
    int32_t l; /* 1..127 */
    enum rule rule;
};

/* The internal representation: bit i is set where the local field of unit i is positive. */
uint64_t machine_represent(const struct shape *shape, const int8_t *weights, const int8_t *inputs);

/* tau, -1 or +1: the product of the signs of an internal representation of `k` units. */
int machine_output(uint64_t representation, int32_t k);

/* Moves the units whose sign equals `output`, clipped to -L..L. */
void machine_learn(const struct shape *shape, int8_t *weights, const int8_t *inputs,
                   uint64_t representation, int output);

/* Draws up to `count` uniform weights from `size` random bytes by rejection: with m = 2L+1 a byte
   of floor(256/m)*m or more is dropped, any other one gives byte mod m - L. Consumed bytes are
   overwritten with zeros. `*drawn` and `*used` say how far it came. */
void machine_draw(int32_t l, int8_t *weights, size_t count, uint8_t *random, size_t size,
                  size_t *drawn, size_t *used);

#endif
