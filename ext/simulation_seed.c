#include "strict.h"

#include <string.h>

#include "simulation_seed.h"

enum { WORDS = 31, SEPARATION = 3, DISCARDED = 310, SLICE = 64, FIRST_TESTS = 4, TESTS = 12 };

static const uint32_t modulus = 2147483647;

static uint32_t next_word(uint32_t word)
{
    return (uint32_t)((uint64_t)word * 16807 % modulus);
}

/* The second word, from a seed that glibc takes as signed. */
static uint32_t second_word(uint32_t seed)
{
    const int64_t word = (int64_t)(int32_t)seed * 16807 % (int64_t)modulus;
    return (uint32_t)(word < 0 ? word + modulus : word);
}

static void first_words(uint32_t seed, uint32_t *words)
{
    words[0] = seed ? seed : 1;
    words[1] = second_word(words[0]);
    for (size_t i = 2; i < WORDS; i++)
        words[i] = next_word(words[i - 1]);
}

/* Runs the recurrence: state[i] = state[i-3] + state[i-31] with a ring of 31. */
static uint32_t advance(uint32_t *ring, size_t *place)
{
    const size_t at = *place;
    ring[at] += ring[(at + WORDS - SEPARATION) % WORDS];
    *place = (at + 1) % WORDS;
    return ring[at];
}

void glibc_rand(uint32_t seed, size_t from, uint32_t *numbers, size_t count)
{
    uint32_t ring[WORDS];
    size_t place = SEPARATION;
    first_words(seed, ring);
    for (size_t i = 0; i < DISCARDED + from; i++)
        advance(ring, &place);
    for (size_t i = 0; i < count; i++)
        numbers[i] = advance(ring, &place) >> 1;
}

/* How the first words enter the numbers from..from+TESTS-1, modulo 4: run the recurrence on each
 * unit vector. */
static void coefficients(size_t from, uint32_t table[WORDS][TESTS])
{
    for (size_t word = 0; word < WORDS; word++) {
        uint32_t ring[WORDS] = {0};
        size_t place = SEPARATION;
        ring[word] = 1;
        for (size_t i = 0; i < DISCARDED + from; i++)
            advance(ring, &place);
        for (size_t i = 0; i < TESTS; i++)
            table[word][i] = advance(ring, &place) & 3;
    }
}

/* Sums modulo 4 of several tests side by side, a byte each: 31 words add at most 5 to each. */
struct tests {
    uint32_t ones[WORDS];   /* added where a word is odd */
    uint32_t twos[WORDS];   /* added where its second bit is set */
    uint32_t wanted;        /* the second bits of the sums */
};

static struct tests tests_of(uint32_t table[WORDS][TESTS], const uint8_t *odd, size_t first)
{
    struct tests tests = {.wanted = 0};
    for (size_t i = 0; i < FIRST_TESTS; i++) {
        for (size_t word = 0; word < WORDS; word++) {
            const uint32_t times = table[word][first + i];
            tests.ones[word] |= times << (8 * i);
            tests.twos[word] |= (times * 2 & 3) << (8 * i);
        }
        tests.wanted |= (uint32_t)odd[first + i] << (8 * i + 1);
    }
    return tests;
}

static int passes(const struct tests *tests, const uint32_t *words, size_t stride)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < WORDS; i++) {
        const uint32_t word = words[i * stride];
        sum += (tests->ones[i] & (0 - (word & 1))) + (tests->twos[i] & (0 - (word >> 1 & 1)));
    }
    return ((sum ^ tests->wanted) & UINT32_C(0x02020202)) == 0;
}

static int is_right(uint32_t seed, size_t from, const uint8_t *odd, size_t count)
{
    for (size_t i = 0; i < count; i += TESTS) {
        uint32_t numbers[TESTS];
        const size_t some = count - i < TESTS ? count - i : TESTS;
        glibc_rand(seed, from + i, numbers, some);
        for (size_t j = 0; j < some; j++)
            if ((numbers[j] & 1) != odd[i + j])
                return 0;
    }
    return 1;
}

size_t glibc_seeds(uint64_t first, uint64_t seeds, size_t from, const uint8_t *odd, size_t count,
                   uint32_t *found, size_t most)
{
    uint32_t table[WORDS][TESTS];
    coefficients(from, table);
    const struct tests tests[] = {tests_of(table, odd, 0), tests_of(table, odd, FIRST_TESTS),
                                  tests_of(table, odd, 2 * FIRST_TESTS)};
    uint32_t growth[WORDS]; /* of each word from one slice of seeds to the next */
    growth[1] = (uint32_t)((uint64_t)SLICE * 16807 % modulus);
    for (size_t i = 2; i < WORDS; i++)
        growth[i] = next_word(growth[i - 1]);
    uint32_t words[WORDS][SLICE];
    size_t number = 0;
    for (uint64_t done = 0; done < seeds; done += SLICE) {
        const uint32_t base = (uint32_t)(first + done);
        /* Seed 0 stands for 1, so the slice after its own cannot grow from it; and where the sign
         * turns words do not grow on. */
        const int broken = done == 0 || base < 2 * SLICE ||
                           base + (SLICE - 1) - UINT32_C(0x80000000) < 2 * SLICE;
        if (broken) {
            for (uint32_t lane = 0; lane < SLICE; lane++) {
                uint32_t column[WORDS];
                first_words(base + lane, column);
                for (size_t i = 0; i < WORDS; i++)
                    words[i][lane] = column[i];
            }
        } else {
            for (uint32_t lane = 0; lane < SLICE; lane++)
                words[0][lane] = base + lane;
            for (size_t i = 1; i < WORDS; i++)
                for (size_t lane = 0; lane < SLICE; lane++) {
                    const uint32_t less = words[i][lane] - (modulus - growth[i]);
                    words[i][lane] = less + (modulus & (0 - (less >> 31)));
                }
        }
        uint32_t sum[SLICE] = {0};
        for (size_t i = 0; i < WORDS; i++)
            for (size_t lane = 0; lane < SLICE; lane++)
                sum[lane] += (tests[0].ones[i] & (0 - (words[i][lane] & 1))) +
                             (tests[0].twos[i] & (0 - (words[i][lane] >> 1 & 1)));
        for (size_t lane = 0; lane < SLICE && done + lane < seeds; lane++) {
            if ((sum[lane] ^ tests[0].wanted) & UINT32_C(0x02020202))
                continue;
            const uint32_t seed = base + (uint32_t)lane;
            if (passes(&tests[1], &words[0][lane], SLICE) &&
                passes(&tests[2], &words[0][lane], SLICE) && is_right(seed, from, odd, count)) {
                if (number < most)
                    found[number] = seed;
                number++;
            }
        }
    }
    return number;
}
