#include "strict.h"

#include <string.h>

#include "query.h"
#include "simulation_query.h"

static size_t bits_bytes(size_t n)
{
    return (n + 7) / 8;
}

size_t asking_bytes(size_t n, int l)
{
    return bits_bytes(n) + (query_random_bytes((int32_t)n, l) + 7) / 8 * 8;
}

/* Fills `bytes` bytes, in helpings of 8. */
static void draw_bytes(struct numbers *numbers, size_t bytes, uint8_t *random)
{
    for (size_t i = 0; i < bytes; i += 8) {
        const uint64_t number = next_number(numbers);
        memcpy(random + i, &number, 8);
    }
}

void ask_unit(const int8_t *weights, size_t n, int l, double field, struct numbers *numbers,
              uint8_t *scratch, uint8_t *negative)
{
    uint8_t *bits = scratch;
    uint8_t *random = scratch + bits_bytes(n);
    draw_bytes(numbers, query_random_bytes((int32_t)n, l), random);
    query_unit(weights, (int32_t)n, l, field, random, bits);
    for (size_t j = 0; j < n; j++)
        negative[j] = !(bits[j / 8] >> (j % 8) & 1);
}

/* Bits of the counters of sizes: as many as hold n, of the numbers that `choose` is compiled for. */
static int counters_of(const struct network *network)
{
    return network->n < 1 << 7 ? 7 : network->n < 1 << 10 ? 10 : 15;
}

size_t asking_words(const struct network *network)
{
    return 2 * (size_t)network->l * (size_t)counters_of(network);
}

/* The numbers of one lane of an array of counters. */
static void read_counts(const uint64_t *counts, size_t columns, int l, int counters, unsigned lane,
                        int32_t *numbers)
{
    for (int i = 1; i <= l; i++) {
        uint64_t number = 0;
        for (int bit = 0; bit < counters; bit++, counts += columns)
            number |= (*counts >> lane & 1) << bit;
        numbers[i] = (int32_t)number;
    }
}

static void write_counts(uint64_t *counts, size_t columns, int l, int counters, unsigned lane,
                         const int32_t *numbers)
{
    for (int i = 1; i <= l; i++)
        for (int bit = 0; bit < counters; bit++, counts += columns)
            *counts |= (uint64_t)(numbers[i] >> bit & 1) << lane;
}

void ask_lanes(const struct lane_kernel *kernel, const struct network *network,
               const uint64_t *weights, double field, struct numbers *numbers, uint64_t *rng,
               uint64_t *scratch, uint64_t *inputs)
{
    const size_t columns = kernel->columns;
    const int l = network->l;
    const int counters = counters_of(network);
    uint64_t *const sizes = scratch;
    uint64_t *const aligned = scratch + (size_t)l * (size_t)counters * columns;
    kernel->count_sizes(network, weights, sizes, counters);
    memset(aligned, 0, (size_t)l * (size_t)counters * columns * sizeof *aligned);
    for (size_t column = 0; column < columns; column++)
        for (unsigned lane = 0; lane < 64; lane++) {
            int32_t all[128], some[128];
            uint8_t random[4 * 128 + 8];
            read_counts(sizes + column, columns, l, counters, lane, all);
            draw_bytes(&numbers[column], 4 * (1 + (size_t)l), random);
            query_aligned(all, l, field, random, some);
            write_counts(aligned + column, columns, l, counters, lane, some);
        }
    kernel->choose(network, weights, sizes, aligned, counters, rng, inputs);
}
