/* Seeds of glibc's rand() that give a known sequence of odd and even numbers.
 *
 * rand() is a linear recurrence modulo 2^32 over 31 words that are powers of 16807 times the seed
 * modulo 2^31 - 1, shifted right by one. Its lowest bits need those words modulo 4 only, and from
 * one seed to the next each word grows by a constant. */
#ifndef DYNAMICRYPT_SIMULATION_SEED_H
#define DYNAMICRYPT_SIMULATION_SEED_H

#include <stddef.h>
#include <stdint.h>

/* `count` numbers of rand() after srand(seed), from number `from` on. */
void glibc_rand(uint32_t seed, size_t from, uint32_t *numbers, size_t count);

/* Looks through seeds first..first+seeds-1 for those whose numbers from `from` on are odd where
 * odd[i] = 1 and even where it is 0; `count` (16 or more) bits. Writes at most `most` of them to
 * `found`; returns how many there are. */
size_t glibc_seeds(uint64_t first, uint64_t seeds, size_t from, const uint8_t *odd, size_t count,
                   uint32_t *found, size_t most);

#endif
