/* The kernel in portable C. */
#include "strict.h"

#include "kernel.h"

#include <string.h>

#define LANES 16
#define NAME(name) name##_16
#define PARTS 1

typedef struct {
    int8_t lane[LANES];
} vec;
/* 0 or -1 in each lane. */
typedef vec mask;
typedef int64_t sum;

static inline vec splat(int8_t byte)
{
    vec result;
    memset(&result, byte, sizeof result);
    return result;
}

static inline mask mask_of_flipped(const uint8_t *bits, uint64_t flip)
{
    mask result;
    for (int byte = 0; byte < LANES / 8; byte++) {
        /* Eight copies of the byte, each reduced to its own bit, which is then carried upwards. */
        const uint64_t copies = ((bits[byte] ^ flip) & 0xff) * UINT64_C(0x0101010101010101);
        const uint64_t own = copies & UINT64_C(0x8040201008040201);
        const uint64_t high = (own + UINT64_C(0x00406070787c7e7f)) & UINT64_C(0x8080808080808080);
        const uint64_t all = (high >> 7) * 0xff;
        for (int i = 0; i < 8; i++)
            result.lane[8 * byte + i] = (int8_t)(uint8_t)(all >> 8 * i);
    }
    return result;
}

static inline mask mask_of(const uint8_t *bits)
{
    return mask_of_flipped(bits, 0);
}

static inline vec select(mask m, vec a, vec b)
{
    vec result;
    for (int i = 0; i < LANES; i++)
        result.lane[i] = (int8_t)((m.lane[i] & b.lane[i]) | (~m.lane[i] & a.lane[i]));
    return result;
}

static inline vec negated(vec v)
{
    vec result;
    for (int i = 0; i < LANES; i++)
        result.lane[i] = (int8_t)-v.lane[i];
    return result;
}

static inline vec biased(vec v)
{
    return v;
}

static inline sum sums(vec v)
{
    int32_t total = 128 * LANES;
    for (int i = 0; i < LANES; i++)
        total += v.lane[i];
    return total;
}

static inline sum no_sums(void)
{
    return 0;
}

static inline sum add_sums(sum a, sum b)
{
    return a + b;
}

static inline uint64_t above(const sum *s, int64_t limit)
{
    return s[0] > limit;
}

static inline vec moved(vec w, vec d, vec lowest, vec highest)
{
    vec result;
    for (int i = 0; i < LANES; i++) {
        int sum_of = w.lane[i] + d.lane[i];
        sum_of = sum_of > highest.lane[i] ? highest.lane[i] : sum_of;
        sum_of = sum_of < lowest.lane[i] ? lowest.lane[i] : sum_of;
        result.lane[i] = (int8_t)sum_of;
    }
    return result;
}

#include "kernel_body.h"

const struct kernel kernel_plain = {"plain", evaluate_16, learn_16};
