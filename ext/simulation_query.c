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

void ask_unit(const int8_t *weights, size_t n, int l, double field, struct numbers *numbers,
              uint8_t *scratch, uint8_t *negative)
{
    uint8_t *bits = scratch;
    uint8_t *random = scratch + bits_bytes(n);
    const size_t size = query_random_bytes((int32_t)n, l);
    for (size_t i = 0; i < size; i += 8) {
        const uint64_t number = next_number(numbers);
        memcpy(random + i, &number, 8);
    }
    query_unit(weights, (int32_t)n, l, field, random, bits);
    for (size_t j = 0; j < n; j++)
        negative[j] = !(bits[j / 8] >> (j % 8) & 1);
}
