/* xoshiro256++ (Blackman, Vigna 2019) one number at a time, for what is not worth a vector. */
#ifndef DYNAMICRYPT_SIMULATION_RANDOM_H
#define DYNAMICRYPT_SIMULATION_RANDOM_H

#include <stdint.h>

struct numbers {
    uint64_t state[4];
};

static inline uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline uint64_t next_number(struct numbers *numbers)
{
    uint64_t *s = numbers->state;
    const uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    const uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* A number of 0..bound-1; the bias of at most bound / 2^32 is below what any run can see. */
static inline uint32_t number_below(struct numbers *numbers, uint32_t bound)
{
    return (uint32_t)((next_number(numbers) >> 32) * bound >> 32);
}

/* Uniform in [0, 1), of 53 bits. */
static inline double uniform_number(struct numbers *numbers)
{
    return (double)(next_number(numbers) >> 11) * 0x1p-53;
}

#endif
