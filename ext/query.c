#include "strict.h"

#include "query.h"

#include <string.h>

size_t query_random_bytes(int32_t n, int32_t l)
{
    return 4 * (1 + (size_t)l + (size_t)n);
}

/* A number below `bound` from the next four bytes. */
static int32_t below(const uint8_t **random, int32_t bound)
{
    const uint8_t *bytes = *random;
    const uint32_t word = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                          (uint32_t)bytes[3] << 24;
    *random += 4;
    return (int32_t)((uint64_t)word * (uint64_t)bound >> 32);
}

/* floor or ceil of a number, clipped to 0..most. */
static int32_t rounded(double number, int up, int32_t most)
{
    if (!(number > 0))
        return 0;
    if (number >= most)
        return most;
    const int32_t whole = (int32_t)number;
    return whole + (up & (number > whole));
}

void query_aligned(const int32_t *sizes, int32_t l, double reach, const uint8_t *random,
                   int32_t *aligned)
{
    /* Without branches on coins, which no processor foresees. */
    double rest = (2 * below(&random, 2) - 1) * reach;
    for (int32_t size = l; size > 0; size--) {
        const double share = rest / (2 * size);
        const int32_t down = below(&random, 2);
        const double number = (sizes[size] - 1 + 2 * down) / 2.0 + share;
        aligned[size] = rounded(number, !down, sizes[size]);
        rest -= size * (2 * aligned[size] - sizes[size]);
    }
}

void query_unit(const int8_t *weights, int32_t n, int32_t l, double reach, const uint8_t *random,
                uint8_t *bits)
{
    int32_t sizes[128] = {0};
    int32_t aligned[128] = {0};
    for (int32_t j = 0; j < n; j++)
        sizes[weights[j] < 0 ? -weights[j] : weights[j]]++;
    query_aligned(sizes, l, reach, random, aligned);
    random += 4 * (1 + (size_t)l);
    memset(bits, 0, ((size_t)n + 7) / 8);
    for (int32_t j = 0; j < n; j++) {
        const int32_t size = weights[j] < 0 ? -weights[j] : weights[j];
        int plus;
        if (size == 0) {
            plus = below(&random, 2);
        } else {
            const int chosen = below(&random, sizes[size]) < aligned[size];
            sizes[size]--;
            aligned[size] -= chosen;
            plus = chosen == (weights[j] > 0);
        }
        bits[j / 8] = (uint8_t)(bits[j / 8] | plus << j % 8);
    }
}
