/* The kernels of simulation.h over one vector type. Included once per instruction set, which
 * defines beforehand
 *   word         a vector of COLUMNS uint64_t with the operators of C
 *   stored_word  the same in memory, aligned as a uint64_t
 *   KERNEL       the name of the table, NAME its name for people
 *   XOR3 MAJ AND_XOR OR_XOR SELECT   the three-operand functions of bits
 *   SPLAT(i)     a word with every column i
 *   ANY(w)       whether any bit is set
 *   NONZERO(w)   all ones in the columns of w that are not 0
 *   ROTATE(w, r) each column rotated left
 */
#include "simulation.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE word get(const uint64_t *words, size_t index)
{
    return *(const stored_word *)(const void *)(words + index * COLUMNS);
}

INLINE void put(uint64_t *words, size_t index, word value)
{
    *(stored_word *)(void *)(words + index * COLUMNS) = value;
}

INLINE word splat_bit(uint64_t number, int bit)
{
    return SPLAT(0 - (number >> bit & 1));
}

/* sum + a + b: the sum stays, the carry is returned. */
INLINE word full_add(word *sum, word a, word b)
{
    const word carry = MAJ(*sum, a, b);
    *sum = XOR3(*sum, a, b);
    return carry;
}

INLINE word half_add(word *sum, word a)
{
    const word carry = *sum & a;
    *sum ^= a;
    return carry;
}

/* ---- random bits: xoshiro256++ (Blackman, Vigna 2019), one generator per column ---- */

struct stream {
    word a, b, c, d;
};

INLINE struct stream stream_of(const uint64_t *rng)
{
    return (struct stream){get(rng, 0), get(rng, 1), get(rng, 2), get(rng, 3)};
}

INLINE void keep_stream(uint64_t *rng, struct stream s)
{
    put(rng, 0, s.a);
    put(rng, 1, s.b);
    put(rng, 2, s.c);
    put(rng, 3, s.d);
}

INLINE word next(struct stream *s)
{
    const word sum = s->a + s->d;
    const word result = ROTATE(sum, 23) + s->a;
    const word shifted = s->b << 17;
    const word c = s->c ^ s->a;
    const word d = s->d ^ s->b;
    s->b ^= c;
    s->a ^= d;
    s->c = c ^ shifted;
    s->d = ROTATE(d, 45);
    return result;
}

static void draw(uint64_t *rng, uint64_t *inputs, size_t count)
{
    struct stream s = stream_of(rng);
    for (size_t i = 0; i < count; i++)
        put(inputs, i, next(&s));
    keep_stream(rng, s);
}

static void draw_common(uint64_t *rng, uint64_t *inputs, size_t count)
{
    struct stream s = stream_of(rng);
    word bits = SPLAT(0);
    for (size_t i = 0; i < count; i++) {
        bits = i % 64 == 0 ? next(&s) : bits >> 1;
        put(inputs, i, SPLAT(0) - (bits & SPLAT(1)));
    }
    keep_stream(rng, s);
}

/* ---- counting ---- */

/* Adds `size` numbers of `planes` bits each, number[plane][i], to a counter of `sums` bits. Carries
 * are saved, not rippled, until one is left: about `planes` full adders for each number. */
INLINE void absorb(word *counter, int sums, word number[][8], const int planes, const int size)
{
    word carries[16];
    int waiting = 0;
    int plane = 0;
    UNROLL
    for (; plane < planes + 3; plane++) {
        word inputs[16];
        int count = 0;
        UNROLL
        for (int i = 0; i < waiting; i++)
            inputs[count++] = carries[i];
        if (plane < planes) {
            UNROLL
            for (int i = 0; i < size; i++)
                inputs[count++] = number[plane][i];
        }
        waiting = 0;
        UNROLL
        for (int i = 0; i + 1 < count; i += 2)
            carries[waiting++] = full_add(&counter[plane], inputs[i], inputs[i + 1]);
        if (count & 1)
            carries[waiting++] = half_add(&counter[plane], inputs[count - 1]);
    }
    word carry = carries[0];
    for (; plane < sums; plane++)
        carry = half_add(&counter[plane], carry);
}

static void tally(const struct network *network, const uint64_t *inputs, uint64_t *start)
{
    const int sums = network->sums;
    const uint64_t base =
        (UINT64_C(1) << (sums - 1)) - (network->n << (network->planes - 1)) - 1;
    for (size_t i = 0; i < network->k; i++, inputs += network->n * COLUMNS) {
        word counter[MAX_SUMS];
        word number[1][8];
        for (int plane = 0; plane < sums; plane++)
            counter[plane] = splat_bit(base, plane);
        size_t j = 0;
        for (; j + 8 <= network->n; j += 8) {
            UNROLL
            for (int q = 0; q < 8; q++)
                number[0][q] = get(inputs, j + (size_t)q);
            absorb(counter, sums, number, 1, 8);
        }
        for (; j < network->n; j++) {
            number[0][0] = get(inputs, j);
            absorb(counter, sums, number, 1, 1);
        }
        for (int plane = 0; plane < sums; plane++)
            put(start, i * (size_t)sums + (size_t)plane, counter[plane]);
    }
}

INLINE word equal_weight(const uint64_t *a, const uint64_t *b, size_t planes, size_t j)
{
    word differ = SPLAT(0);
    for (size_t plane = j * planes; plane < (j + 1) * planes; plane++)
        differ = OR_XOR(differ, get(a, plane), get(b, plane));
    return ~differ;
}

static void matches(const struct network *network, const uint64_t *a, const uint64_t *b,
                    uint64_t *count, int counters)
{
    const size_t planes = (size_t)network->planes;
    const size_t weights = network->k * network->n;
    word counter[MAX_SUMS];
    word number[1][8];
    for (int plane = 0; plane < counters; plane++)
        counter[plane] = SPLAT(0);
    size_t j = 0;
    for (; j + 8 <= weights; j += 8) {
        UNROLL
        for (int q = 0; q < 8; q++)
            number[0][q] = equal_weight(a, b, planes, j + (size_t)q);
        absorb(counter, counters, number, 1, 8);
    }
    for (; j < weights; j++) {
        number[0][0] = equal_weight(a, b, planes, j);
        absorb(counter, counters, number, 1, 1);
    }
    for (int plane = 0; plane < counters; plane++)
        put(count, (size_t)plane, counter[plane]);
}

/* ---- learning and summing ---- */

/* The two ends of the range of u, as words that are all ones where a plane does not matter. */
struct ends {
    word high[MAX_PLANES]; /* u is at the top if plane | high is set in all planes */
    word low[MAX_PLANES];  /* u is at the bottom if plane & low is clear in all planes */
};

/* One learning step for `size` weights and the sum over the next inputs. With `l` known at compile
 * time the ends of the range cost nothing. */
INLINE void learn_and_sum(uint64_t *weights, const uint64_t *old_inputs, const uint64_t *new_inputs,
                          word move, word turn, const struct ends *ends, word *counter, int sums,
                          const int planes, const int l, const int size, const int compare,
                          const uint64_t *other, word *differ)
{
    word number[MAX_PLANES][8];
    UNROLL
    for (int q = 0; q < size; q++) {
        const size_t at = (size_t)(q * planes);
        const word down = get(old_inputs, (size_t)q) ^ turn;
        word above = SPLAT(~UINT64_C(0));
        word below = SPLAT(0);
        word u[MAX_PLANES];
        UNROLL
        for (int plane = 0; plane < planes; plane++) {
            u[plane] = get(weights, at + (size_t)plane);
            if (l) {
                const int middle = 1 << (planes - 1);
                if ((middle + l) >> plane & 1)
                    above &= u[plane];
                if (!((middle - l) >> plane & 1))
                    below |= u[plane];
            } else {
                above &= u[plane] | ends->high[plane];
                below |= u[plane] & ends->low[plane];
            }
        }
        word carry = move & ~SELECT(down, ~below, above);
        const word sign = get(new_inputs, (size_t)q);
        UNROLL
        for (int plane = 0; plane < planes; plane++) {
            const word before = u[plane];
            const word after = before ^ carry;
            carry = AND_XOR(carry, before, down);
            put(weights, at + (size_t)plane, after);
            if (compare)
                *differ = OR_XOR(*differ, after, get(other, at + (size_t)plane));
            number[plane][q] = after ^ sign;
        }
    }
    absorb(counter, sums, number, planes, size);
}

INLINE void whole_pass(const struct network *network, uint64_t *weights, const uint64_t *old_inputs,
                       const uint64_t *new_inputs, const uint64_t *start, const uint64_t *move,
                       const uint64_t *turn, uint64_t *sum, const int planes, const int l,
                       const int compare, const uint64_t *other, uint64_t *differ)
{
    const size_t n = network->n;
    const int sums = network->sums;
    const word turned = get(turn, 0);
    word different = SPLAT(0);
    struct ends ends;
    for (int plane = 0; plane < planes; plane++) {
        const uint64_t middle = UINT64_C(1) << (planes - 1);
        ends.high[plane] = ~splat_bit(middle + (uint64_t)network->l, plane);
        ends.low[plane] = ~splat_bit(middle - (uint64_t)network->l, plane);
    }
    for (size_t i = 0; i < network->k; i++) {
        word counter[MAX_SUMS];
        for (int plane = 0; plane < sums; plane++)
            counter[plane] = get(start, i * (size_t)sums + (size_t)plane);
        const word moved = get(move, i);
        size_t j = i * n;
        const size_t end = j + n;
#define BLOCK(size)                                                                              \
    for (; j + size <= end; j += size)                                                           \
    learn_and_sum(weights + j * (size_t)planes * COLUMNS, old_inputs + j * COLUMNS,              \
                  new_inputs + j * COLUMNS, moved, turned, &ends, counter, sums, planes, l, size, \
                  compare, compare ? other + j * (size_t)planes * COLUMNS : other, &different)
        BLOCK(8);
        BLOCK(4);
        BLOCK(1);
#undef BLOCK
        for (int plane = 0; plane < sums; plane++)
            put(sum, i * (size_t)sums + (size_t)plane, counter[plane]);
    }
    if (compare)
        put(differ, 0, different);
}

#define PASSES(tag, planes, l)                                                                    \
    static void pass_##tag(const struct network *network, uint64_t *weights, const uint64_t *old_x,   \
                           const uint64_t *new_x, const uint64_t *start, const uint64_t *move,    \
                           const uint64_t *turn, uint64_t *sum)                                   \
    {                                                                                             \
        whole_pass(network, weights, old_x, new_x, start, move, turn, sum, planes, l, 0, weights,   \
                   sum);                                                                          \
    }                                                                                             \
    static void pass_compare_##tag(const struct network *network, uint64_t *weights,                  \
                                   const uint64_t *old_x, const uint64_t *new_x,                  \
                                   const uint64_t *start, const uint64_t *move,                   \
                                   const uint64_t *turn, uint64_t *sum, const uint64_t *other,    \
                                   uint64_t *differ)                                              \
    {                                                                                             \
        whole_pass(network, weights, old_x, new_x, start, move, turn, sum, planes, l, 1, other,     \
                   differ);                                                                       \
    }

PASSES(l3, 3, 3)
PASSES(l4, 4, 4)
PASSES(p2, 2, 1) /* two planes hold l = 1 only */
PASSES(p3, 3, 2) /* three planes hold 2 and 3 */
PASSES(p4, 4, 0)
PASSES(p5, 5, 0)
PASSES(p6, 6, 0)
PASSES(p7, 7, 0)
PASSES(p8, 8, 0)

#define DISPATCH(function, ...)                                                                   \
    if (network->l == 3)                                                                            \
        function##_l3(__VA_ARGS__);                                                               \
    else if (network->l == 4)                                                                       \
        function##_l4(__VA_ARGS__);                                                               \
    else                                                                                          \
        switch (network->planes) {                                                                  \
        case 2: function##_p2(__VA_ARGS__); break;                                                \
        case 3: function##_p3(__VA_ARGS__); break;                                                \
        case 4: function##_p4(__VA_ARGS__); break;                                                \
        case 5: function##_p5(__VA_ARGS__); break;                                                \
        case 6: function##_p6(__VA_ARGS__); break;                                                \
        case 7: function##_p7(__VA_ARGS__); break;                                                \
        default: function##_p8(__VA_ARGS__); break;                                               \
        }

static void pass(const struct network *network, uint64_t *weights, const uint64_t *old_inputs,
                 const uint64_t *new_inputs, const uint64_t *start, const uint64_t *move,
                 const uint64_t *turn, uint64_t *sums)
{
    DISPATCH(pass, network, weights, old_inputs, new_inputs, start, move, turn, sums)
}

static void pass_compare(const struct network *network, uint64_t *weights, const uint64_t *old_inputs,
                         const uint64_t *new_inputs, const uint64_t *start, const uint64_t *move,
                         const uint64_t *turn, uint64_t *sums, const uint64_t *other,
                         uint64_t *differ)
{
    DISPATCH(pass_compare, network, weights, old_inputs, new_inputs, start, move, turn, sums, other,
             differ)
}

/* ---- the attacker's correction ---- */

static void correct(const struct network *network, const uint64_t *sums, const uint64_t *target,
                    uint64_t *sigma)
{
    const int bits = network->sums - 1;
    word least[MAX_SUMS] = {SPLAT(0)};
    word chosen[MAX_UNITS];
    word wrong = ~get(target, 0);
    for (size_t i = 0; i < network->k; i++) {
        const uint64_t *sum = sums + i * (size_t)network->sums * COLUMNS;
        const word sign = get(sum, (size_t)bits);
        word size[MAX_SUMS];
        word carry = sign;
        for (int bit = 0; bit < bits; bit++) { /* |h| is the low part + 1, or its complement */
            size[bit] = ~(get(sum, (size_t)bit) ^ sign);
            carry = half_add(&size[bit], carry);
        }
        word less = SPLAT(0);
        if (i == 0) {
            less = ~less;
        } else {
            for (int bit = 0; bit < bits; bit++)
                less = MAJ(~size[bit], least[bit], less);
        }
        for (int bit = 0; bit < bits; bit++)
            least[bit] = SELECT(less, size[bit], least[bit]);
        for (size_t earlier = 0; earlier < i; earlier++)
            chosen[earlier] &= ~less;
        chosen[i] = less;
        put(sigma, i, sign);
        wrong ^= ~sign;
    }
    for (size_t i = 0; i < network->k; i++)
        put(sigma, i, get(sigma, i) ^ (chosen[i] & wrong));
}

/* ---- fresh weights ---- */

INLINE void redraw_planes(const struct network *network, uint64_t *weights, const uint64_t *mask,
                          uint64_t *rng, const int planes)
{
    struct stream s = stream_of(rng);
    const uint64_t middle = UINT64_C(1) << (planes - 1);
    const word wanted = get(mask, 0);
    word high[MAX_PLANES];
    word low[MAX_PLANES];
    UNROLL
    for (int plane = 0; plane < planes; plane++) {
        high[plane] = ~splat_bit(middle + (uint64_t)network->l, plane);
        low[plane] = splat_bit(middle - (uint64_t)network->l, plane);
    }
    for (size_t j = 0; j < network->k * network->n; j++, weights += planes * COLUMNS) {
        word open = wanted;
        while (ANY(open)) {
            const word column = NONZERO(open); /* the other columns' streams must not move */
            const struct stream before = s;
            word u[MAX_PLANES];
            word above = SPLAT(0);
            word below = SPLAT(0);
            UNROLL
            for (int plane = 0; plane < planes; plane++) {
                u[plane] = next(&s);
                above = MAJ(u[plane], high[plane], above);
                below = MAJ(~u[plane], low[plane], below);
            }
            s.a = SELECT(column, s.a, before.a);
            s.b = SELECT(column, s.b, before.b);
            s.c = SELECT(column, s.c, before.c);
            s.d = SELECT(column, s.d, before.d);
            const word taken = open & ~(above | below);
            UNROLL
            for (int plane = 0; plane < planes; plane++)
                put(weights, (size_t)plane, SELECT(taken, u[plane], get(weights, (size_t)plane)));
            open &= ~taken;
        }
    }
    keep_stream(rng, s);
}

static void redraw(const struct network *network, uint64_t *weights, const uint64_t *mask,
                   uint64_t *rng)
{
    switch (network->planes) {
    case 2: redraw_planes(network, weights, mask, rng, 2); break;
    case 3: redraw_planes(network, weights, mask, rng, 3); break;
    case 4: redraw_planes(network, weights, mask, rng, 4); break;
    case 5: redraw_planes(network, weights, mask, rng, 5); break;
    case 6: redraw_planes(network, weights, mask, rng, 6); break;
    case 7: redraw_planes(network, weights, mask, rng, 7); break;
    default: redraw_planes(network, weights, mask, rng, 8); break;
    }
}

/* ---- moving lanes ---- */

static uint64_t compress(uint64_t bits, uint64_t mask)
{
#ifdef BMI2
    return _pext_u64(bits, mask);
#else
    uint64_t out = 0;
    for (int at = 0; mask; at++, mask &= mask - 1)
        out |= (bits >> __builtin_ctzll(mask) & 1) << at;
    return out;
#endif
}

static uint64_t spread(uint64_t bits, int log)
{
    /* Open a gap of 2^log - 1 behind each bit by halving the blocks, then fill it. */
    static const uint64_t keep[6] = {
        UINT64_C(0x5555555555555555), UINT64_C(0x3333333333333333), UINT64_C(0x0f0f0f0f0f0f0f0f),
        UINT64_C(0x00ff00ff00ff00ff), UINT64_C(0x0000ffff0000ffff), UINT64_C(0x00000000ffffffff),
    };
    for (int doubling = 0; doubling < log; doubling++) {
        for (int half = 5; half >= 0; half--)
            bits = (bits | bits << (1 << half)) & keep[half];
        bits |= bits << 1;
    }
    return bits;
}

#include "simulation_choice.h"

const struct lane_kernel KERNEL = {
    .name = NAME,
    .columns = COLUMNS,
    .draw = draw,
    .draw_common = draw_common,
    .tally = tally,
    .pass = pass,
    .pass_compare = pass_compare,
    .correct = correct,
    .redraw = redraw,
    .matches = matches,
    .count_sizes = count_sizes,
    .choose = choose,
    .compress = compress,
    .spread = spread,
};
