/* The kernel in portable C, in the vector types that GCC and Clang have for every processor. */
#include "strict.h"

#include "kernel.h"

#include <string.h>

#define LANES 16
#define NAME(name) name##_16
#define PARTS 1

typedef int8_t vec __attribute__((vector_size(LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef uint64_t halves __attribute__((vector_size(LANES)));
typedef vec mask;
typedef int64_t sum;

#define plus(a, b) ((vec)((bytes)(a) + (bytes)(b)))
#define minus(a, b) ((vec)((bytes)(a) - (bytes)(b)))
#define select(m, a, b) (((m) & (b)) | (~(m) & (a)))
#define no_sums() 0
#define add_sums(a, b) ((a) + (b))

static inline vec splat(int8_t byte)
{
    const vec zeros = {0};
    return zeros + byte;
}

static inline mask mask_of(const uint8_t *bits, uint64_t flip)
{
    /* Each byte of the bits is spread over eight lanes, and each lane tests its own bit. */
    const vec own = {1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128};
    const uint64_t copies = UINT64_C(0x0101010101010101);
    const halves spread = {((bits[0] ^ flip) & 0xff) * copies, ((bits[1] ^ flip) & 0xff) * copies};
    return ((vec)spread & own) == own;
}

static inline sum sums(vec v)
{
    /* Neighbouring bytes are added in fields of 16 bits, and the four fields by a product. */
    const uint64_t low = UINT64_C(0x00ff00ff00ff00ff);
    const halves words = (halves)v;
    const uint64_t fields =
        (words[0] & low) + (words[0] >> 8 & low) + (words[1] & low) + (words[1] >> 8 & low);
    return (sum)(fields * UINT64_C(0x0001000100010001) >> 48);
}

static inline uint64_t above(const sum *s, int64_t limit)
{
    return s[0] > limit;
}

static inline vec moved(vec w, vec d, vec lowest)
{
    const vec stopped = ((w == 127) & (d > 0)) | ((w == lowest) & (d < 0));
    return w + (d & ~stopped);
}

#include "kernel_wide.h"

const struct kernel kernel_plain = {"plain", evaluate_wide_16, learn_wide_16};
