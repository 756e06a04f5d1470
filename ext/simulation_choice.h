/* The inputs of queries, chosen in all lanes at once: a part of simulation_kernel.h.
 *
 * A subset of given size is drawn weight by weight: of `left` weights of which `wanted` are still to
 * be taken, the next is taken with the chance wanted / left (Fan, Muller, Rezucha 1962). */

enum { CHANCE_BITS = 16, MOST_COUNTERS = 15 };

/* |w| of a weight: planes - 1 bits. Returns where it is negative. */
INLINE word size_of(const uint64_t *weight, int planes, word *size)
{
    const word negative = ~get(weight, (size_t)planes - 1);
    word carry = negative;
    for (int plane = 0; plane < planes - 1; plane++) {
        size[plane] = get(weight, (size_t)plane) ^ negative;
        carry = half_add(&size[plane], carry);
    }
    return negative;
}

/* Where a size is `number`. */
INLINE word is_size(const word *size, int planes, int number)
{
    word same = SPLAT(-1);
    for (int plane = 0; plane < planes - 1; plane++)
        same &= size[plane] ^ ~splat_bit((uint64_t)number, plane);
    return same;
}

static void count_sizes(const struct network *network, const uint64_t *weights, uint64_t *sizes,
                        int counters)
{
    const int planes = network->planes;
    for (size_t i = 0; i < (size_t)network->l * (size_t)counters; i++)
        put(sizes, i, SPLAT(0));
    for (size_t j = 0; j < network->n; j++, weights += (size_t)planes * COLUMNS) {
        word size[MAX_PLANES];
        size_of(weights, planes, size);
        for (int number = 1; number <= network->l; number++) {
            uint64_t *count = sizes + (size_t)((number - 1) * counters) * COLUMNS;
            word carry = is_size(size, planes, number);
            for (size_t bit = 0; bit < (size_t)counters; bit++) {
                word sum = get(count, bit);
                carry = half_add(&sum, carry);
                put(count, bit, sum);
            }
        }
    }
}

INLINE void count_down(uint64_t *count, int counters, word borrow)
{
    for (size_t bit = 0; bit < (size_t)counters; bit++) {
        const word before = get(count, bit);
        put(count, bit, before ^ borrow);
        borrow &= ~before;
    }
}

/* Whether a number drawn from 0..left-1 is below `wanted`. Of the product of `left` and a random
 * number below 1, bit after bit, only the whole part is kept: what is cut off never carries. */
INLINE word draw_below(struct stream *s, const word *left, const word *wanted, const int counters,
                       word *coin)
{
    word part[MOST_COUNTERS];
    UNROLL
    for (int bit = 0; bit < counters; bit++)
        part[bit] = SPLAT(0);
    for (int i = 0; i < CHANCE_BITS; i++) {
        const word random = *coin = next(s);
        word carry = SPLAT(0);
        UNROLL
        for (int bit = 0; bit < counters; bit++) {
            word sum = part[bit];
            carry = full_add(&sum, left[bit] & random, carry);
            if (bit > 0)
                part[bit - 1] = sum;
        }
        part[counters - 1] = carry;
    }
    word borrow = SPLAT(0);
    UNROLL
    for (int bit = 0; bit < counters; bit++)
        borrow = MAJ(~part[bit], wanted[bit], borrow);
    return borrow;
}

INLINE void choose_counted(const struct network *network, const uint64_t *weights, uint64_t *sizes,
                           uint64_t *aligned, const int counters, uint64_t *rng, uint64_t *inputs)
{
    const int planes = network->planes;
    const size_t stride = (size_t)counters * COLUMNS;
    struct stream s = stream_of(rng);
    for (size_t j = 0; j < network->n; j++, weights += (size_t)planes * COLUMNS) {
        word size[MAX_PLANES], left[MOST_COUNTERS], wanted[MOST_COUNTERS];
        const word negative = size_of(weights, planes, size);
        word zero = SPLAT(-1);
        for (int bit = 0; bit < counters; bit++)
            left[bit] = wanted[bit] = SPLAT(0);
        for (int i = 0; i < network->l; i++) {
            const word here = is_size(size, planes, i + 1);
            zero &= ~here;
            for (int bit = 0; bit < counters; bit++) {
                left[bit] |= here & get(sizes + (size_t)i * stride, (size_t)bit);
                wanted[bit] |= here & get(aligned + (size_t)i * stride, (size_t)bit);
            }
        }
        word coin;
        const word taken = draw_below(&s, left, wanted, counters, &coin);
        put(inputs, j, SELECT(zero, coin, ~(taken ^ negative)));
        for (int i = 0; i < network->l; i++) {
            const word here = is_size(size, planes, i + 1);
            count_down(sizes + (size_t)i * stride, counters, here);
            count_down(aligned + (size_t)i * stride, counters, here & taken);
        }
    }
    keep_stream(rng, s);
}

static void choose(const struct network *network, const uint64_t *weights, uint64_t *sizes,
                   uint64_t *aligned, int counters, uint64_t *rng, uint64_t *inputs)
{
    switch (counters) {
    case 7: choose_counted(network, weights, sizes, aligned, 7, rng, inputs); break;
    case 10: choose_counted(network, weights, sizes, aligned, 10, rng, inputs); break;
    default: choose_counted(network, weights, sizes, aligned, MOST_COUNTERS, rng, inputs); break;
    }
}
