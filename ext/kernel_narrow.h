/* The kernel for units of 9 to 16 inputs, which fill 16 lanes of weights and two bytes of input:
   several units share a vector, and steps are taken in pairs. Beside what kernel_wide.h names, the
   lanes define, for LANES/8 groups of 8 lanes,

   above_pair(a, b, limit)  for each 16 lanes a bit whether a, then one whether b adds up to more
   both(a, b)               bitwise and
   spread(bits)             all ones in the groups whose bit is set
   firsts(v), seconds(v)    every even, every odd group twice.

   The representation is a word for each part of 16 steps and each vector, in this order: a byte for
   each pair of steps, as above_pair gives it. Bit 2*i of the byte is sigma of unit i in the first
   step, bit 2*i+1 in the second. */

#ifndef PAIRS_OF_STEPS
/* The two low bits of each byte: one pair of steps of one unit. */
#define PAIRS_OF_STEPS UINT64_C(0x0303030303030303)
/* Times this, such a pair is repeated for the four units of a byte. */
#define FOUR_UNITS UINT64_C(0x55)
#endif

static void NAME(evaluate_narrow)(const struct geometry *g, const int8_t *weights,
                                  const uint8_t *inputs, void *representation, uint64_t *tau)
{
    const size_t vectors = ((size_t)g->shape.k * 16 + LANES - 1) / LANES;
    const size_t pairs = ((size_t)g->steps + 1) / 2;
    uint64_t *signs = representation;
    for (size_t word = 0; word < g->words; word++)
        tau[word] = 0;
    for (size_t from = 0; from < pairs; from += 8, inputs += 16 * g->step_bytes) {
        const size_t part = pairs - from < 8 ? pairs - from : 8;
        uint64_t parity = 0;
        for (size_t v = 0; v < vectors; v++) {
            const vec w = ((const vec *)(const void *)weights)[v];
            const vec up = plus(splat(-128), w);
            const vec down = minus(splat(-128), w);
            const uint8_t *x = inputs + v * (LANES / 8);
            uint64_t eight = 0;
            for (size_t pair = 0; pair < part; pair++, x += 2 * g->step_bytes) {
                const vec first = sums(select(mask_of(x, 0), down, up));
                const vec second = sums(select(mask_of(x + g->step_bytes, 0), down, up));
                eight |= (uint64_t)above_pair(first, second, 128 * 16) << 8 * pair;
            }
            *signs++ = eight;
            parity ^= eight;
        }
        /* tau = +1 where K minus the number of units with sigma = +1 is even. */
        parity ^= parity >> 4;
        parity ^= parity >> 2;
        if (!(g->shape.k & 1))
            parity = ~parity;
        tau[from / 32] |= _pext_u64(parity, PAIRS_OF_STEPS) << 2 * from % 64;
    }
    for (size_t word = 0; word < g->words; word++)
        tau[word] &= plane_mask(g, word);
}

static void NAME(learn_narrow)(const struct geometry *g, int8_t *weights, const uint8_t *inputs,
                               const void *representation, const uint64_t *tau,
                               const uint64_t *agreed)
{
    const size_t units = (size_t)g->shape.k;
    const size_t vectors = (units * 16 + LANES - 1) / LANES;
    const size_t pairs = ((size_t)g->steps + 1) / 2;
    const vec raise = splat((int8_t)(127 - g->shape.l));
    const vec lowest = splat((int8_t)(127 - 2 * g->shape.l));
    const vec up = ((const vec *)(const void *)g->ones)[0];
    const vec down = minus(splat(0), up);
    for (size_t v = 0; v < vectors; v++) {
        const size_t left = units - v * (LANES / 16);
        const uint64_t present = left < 4 ? (UINT64_C(0x0101010101010101) << 2 * left) -
                                                UINT64_C(0x0101010101010101)
                                          : ~UINT64_C(0);
        const uint64_t *signs = (const uint64_t *)representation + v;
        const uint8_t *x = inputs + v * (LANES / 8);
        vec *place = (vec *)(void *)weights + v;
        vec w = plus(*place, raise);
        for (size_t from = 0; from < pairs; from += 8, signs += vectors) {
            const size_t part = pairs - from < 8 ? pairs - from : 8;
            const uint64_t taus = tau[from / 32] >> 2 * from % 64;
            const uint64_t agreeing = agreed[from / 32] >> 2 * from % 64;
            const uint64_t flips = plane_flips(g, taus);
            const uint64_t moving = ~(*signs ^ _pdep_u64(taus, PAIRS_OF_STEPS) * FOUR_UNITS) &
                                    _pdep_u64(agreeing, PAIRS_OF_STEPS) * FOUR_UNITS & present;
            for (size_t pair = 0; pair < part; pair++, x += 2 * g->step_bytes) {
                const vec move = spread(moving >> 8 * pair & 0xff);
                const uint64_t flip = flips >> 2 * pair;
                const vec first = select(mask_of(x, -(flip & 1)), down, up);
                const vec second = select(mask_of(x + g->step_bytes, -(flip >> 1 & 1)), down, up);
                w = moved(w, both(first, firsts(move)), lowest);
                w = moved(w, both(second, seconds(move)), lowest);
            }
        }
        *place = minus(w, raise);
    }
}
