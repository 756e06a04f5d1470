/* The kernel, unit by unit: each unit has vectors of its own. Included once for each width of each
   instruction set, with LANES and NAME() defined, after a header of lanes that defines

   vec, mask, sum         a vector of LANES signed bytes; a choice for each lane; partial sums
   PARTS                  how many steps are summed up at once
   mask_of(bits, flip)    the lanes whose bit, exclusive or `flip` (all ones or zero), is set; reads
                          LANES/8 bytes
   select(m, a, b)        b where m, else a
   plus(a, b), minus(a, b)  wrapping sums and differences
   sums(v), no_sums, add_sums(a, b)  sums of unsigned bytes, several lanes to a sum
   above(s, limit)        bit i: whether s[i] adds up to more than `limit`, for PARTS sums
   moved(w, d, lowest)    w+d, not above 127 and not below `lowest`, for d of -1..1
   splat(byte)            the byte in every lane.

   Local fields: w and -w, chosen by the input and raised by 128, are unsigned bytes that add up to
   h + 128*lanes. Learning: weights are raised by 127-L, so that saturation is the upper clip. */

static inline uint64_t NAME(represent)(const vec *weights, size_t count, const uint8_t *inputs,
                                       size_t step_bytes, size_t steps)
{
    sum s[PARTS];
#pragma GCC unroll 8
    for (size_t i = 0; i < PARTS; i++)
        s[i] = no_sums();
    for (size_t v = 0; v < count; v++) {
        const vec up = plus(splat(-128), weights[v]);
        const vec down = minus(splat(-128), weights[v]);
#pragma GCC unroll 8
        for (size_t i = 0; i < steps; i++) {
            const mask x = mask_of(inputs + i * step_bytes + v * (LANES / 8), 0);
            s[i] = add_sums(s[i], sums(select(x, down, up)));
        }
    }
    return above(s, (int64_t)(128 * LANES * count));
}

/* Writes the plane of one unit, set where sigma = +1. */
static inline void NAME(evaluate_unit)(const struct geometry *g, const vec *weights, size_t count,
                                       const uint8_t *inputs, uint64_t *plane)
{
    const size_t steps = (size_t)g->steps;
    size_t step = 0;
    for (size_t word = 0; word < g->words; word++)
        plane[word] = 0;
    for (; step + PARTS <= steps; step += PARTS)
        plane[step / 64] |=
            NAME(represent)(weights, count, inputs + step * g->step_bytes, g->step_bytes, PARTS)
            << step % 64;
    for (; step < steps; step++)
        plane[step / 64] |=
            (NAME(represent)(weights, count, inputs + step * g->step_bytes, g->step_bytes, 1) & 1)
            << step % 64;
}

static void NAME(evaluate_wide)(const struct geometry *g, const int8_t *weights,
                                const uint8_t *inputs, void *representation, uint64_t *tau)
{
    const size_t count = g->stride / LANES;
    uint64_t *plane = representation;
    for (size_t word = 0; word < g->words; word++)
        tau[word] = plane_mask(g, word);
    for (size_t unit = 0; unit < (size_t)g->shape.k; unit++, plane += g->words) {
        const vec *w = (const vec *)(const void *)(weights + unit * g->stride);
        const uint8_t *x = inputs + unit * g->unit_bytes;
        if (count == 1)
            NAME(evaluate_unit)(g, w, 1, x, plane);
        else if (count == 2)
            NAME(evaluate_unit)(g, w, 2, x, plane);
        else
            NAME(evaluate_unit)(g, w, count, x, plane);
        for (size_t word = 0; word < g->words; word++)
            tau[word] ^= ~plane[word] & plane_mask(g, word);
    }
}

/* Moves `count` vectors of one unit through all steps in `moving`. */
static inline void NAME(learn_vectors)(const struct geometry *g, vec *weights, const vec *ones,
                                       size_t count, const uint8_t *inputs, const uint64_t *moving,
                                       const uint64_t *tau)
{
    const vec raise = splat((int8_t)(127 - g->shape.l));
    const vec lowest = splat((int8_t)(127 - 2 * g->shape.l));
    vec w[4];
    vec up[4];
    vec down[4];
    for (size_t v = 0; v < count; v++) {
        w[v] = plus(weights[v], raise);
        up[v] = ones[v];
        down[v] = minus(splat(0), ones[v]);
    }
    for (size_t word = 0; word < g->words; word++, inputs += 64 * g->step_bytes) {
        const uint64_t flips = plane_flips(g, tau[word]);
        for (uint64_t left = moving[word]; left != 0; left &= left - 1) {
            const size_t step = (size_t)__builtin_ctzll(left);
            const uint64_t flip = -(flips >> step & 1);
            const uint8_t *x = inputs + step * g->step_bytes;
            for (size_t v = 0; v < count; v++)
                w[v] = moved(w[v], select(mask_of(x + v * (LANES / 8), flip), down[v], up[v]),
                             lowest);
        }
    }
    for (size_t v = 0; v < count; v++)
        weights[v] = minus(w[v], raise);
}

static void NAME(learn_wide)(const struct geometry *g, int8_t *weights, const uint8_t *inputs,
                             const void *representation, const uint64_t *tau,
                             const uint64_t *agreed)
{
    const size_t count = g->stride / LANES;
    const vec *ones = (const vec *)(const void *)g->ones;
    const uint64_t *plane = representation;
    uint64_t moving[KERNEL_WORDS];
    for (size_t unit = 0; unit < (size_t)g->shape.k; unit++, plane += g->words) {
        vec *w = (vec *)(void *)(weights + unit * g->stride);
        const uint8_t *x = inputs + unit * g->unit_bytes;
        size_t v = 0;
        for (size_t word = 0; word < g->words; word++)
            moving[word] = agreed[word] & ~(plane[word] ^ tau[word]);
        for (; count - v >= 4; v += 4)
            NAME(learn_vectors)(g, w + v, ones + v, 4, x + v * (LANES / 8), moving, tau);
        for (; count - v >= 2; v += 2)
            NAME(learn_vectors)(g, w + v, ones + v, 2, x + v * (LANES / 8), moving, tau);
        for (; v < count; v++)
            NAME(learn_vectors)(g, w + v, ones + v, 1, x + v * (LANES / 8), moving, tau);
    }
}
