/* The kernel for one vector width. Included once for each width of each instruction set, with
   LANES and NAME() defined, after a header of lanes that defines

   vec, mask, sum         a vector of LANES signed bytes; a choice for each lane; partial sums
   PARTS                  how many steps are summed up at once
   mask_of(bits)          the lanes whose bit is set; reads LANES/8 bytes
   mask_of_flipped(bits, flip)  the same after exclusive or with `flip`, all ones or zero
   select(m, a, b)        b where m, else a
   negated(v), biased(v)  0-v; v+128 as unsigned bytes
   sums(v), no_sums, add_sums(a, b)  sums of unsigned bytes, 8 at a time
   above(s, limit)        bit i: whether s[i] adds up to more than `limit`, for PARTS sums
   moved(w, d, lowest, highest)      w+d clipped
   splat(byte)            the byte in every lane. */

static inline const vec *NAME(vectors)(const int8_t *bytes)
{
    return (const vec *)(const void *)bytes;
}

/* Sigma of up to PARTS steps of one unit, a bit each. */
static inline uint64_t NAME(represent)(const vec *weights, size_t count, const uint8_t *inputs,
                                       size_t step_bytes, size_t steps)
{
    sum s[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        s[i] = no_sums();
    for (size_t v = 0; v < count; v++) {
        /* Chosen by the input, w+128 and -w+128 are unsigned and add up to h + 128*lanes. */
        const vec plus = biased(weights[v]);
        const vec minus = biased(negated(weights[v]));
        for (size_t i = 0; i < steps; i++) {
            const mask x = mask_of(inputs + i * step_bytes + v * (LANES / 8));
            s[i] = add_sums(s[i], sums(select(x, minus, plus)));
        }
    }
    return above(s, (int64_t)(128 * LANES * count));
}

static inline void NAME(evaluate_unit)(const struct geometry *g, const int8_t *weights,
                                       size_t count, const uint8_t *inputs, uint64_t *plane)
{
    const size_t steps = (size_t)g->steps;
    const size_t whole = steps - steps % PARTS;
    for (size_t word = 0; word < g->words; word++)
        plane[word] = 0;
    for (size_t step = 0; step < whole; step += PARTS)
        plane[step / 64] |= NAME(represent)(NAME(vectors)(weights), count,
                                            inputs + step * g->step_bytes, g->step_bytes, PARTS)
                            << step % 64;
    if (whole < steps)
        plane[whole / 64] |=
            (NAME(represent)(NAME(vectors)(weights), count, inputs + whole * g->step_bytes,
                             g->step_bytes, steps - whole) &
             ((1u << (steps - whole)) - 1))
            << whole % 64;
}

/* Moves `count` vectors of one unit through all steps in `moving`. */
static inline void NAME(learn_vectors)(const struct geometry *g, vec *weights, const vec *ones,
                                       size_t count, const uint8_t *inputs,
                                       const uint64_t *moving, const uint64_t *flips)
{
    const vec highest = splat((int8_t)g->shape.l);
    const vec lowest = splat((int8_t)-g->shape.l);
    vec w[4];
    vec up[4];
    vec down[4];
    for (size_t v = 0; v < count; v++) {
        w[v] = weights[v];
        up[v] = ones[v];
        down[v] = negated(ones[v]);
    }
    for (size_t word = 0; word < g->words; word++) {
        const uint8_t *block = inputs + word * 64 * g->step_bytes;
        for (uint64_t left = moving[word]; left != 0; left &= left - 1) {
            const size_t step = (size_t)__builtin_ctzll(left);
            const uint64_t flip = -(flips[word] >> step & 1);
            const uint8_t *x = block + step * g->step_bytes;
            for (size_t v = 0; v < count; v++)
                w[v] = moved(w[v], select(mask_of_flipped(x + v * (LANES / 8), flip), down[v], up[v]),
                             lowest, highest);
        }
    }
    for (size_t v = 0; v < count; v++)
        weights[v] = w[v];
}

static inline void NAME(learn_unit)(const struct geometry *g, int8_t *weights, size_t count,
                                    const uint8_t *inputs, const uint64_t *moving,
                                    const uint64_t *flips)
{
    vec *w = (vec *)(void *)weights;
    const vec *ones = NAME(vectors)(g->ones);
    size_t v = 0;
    for (; count - v >= 4; v += 4)
        NAME(learn_vectors)(g, w + v, ones + v, 4, inputs + v * (LANES / 8), moving, flips);
    if (count - v >= 2) {
        NAME(learn_vectors)(g, w + v, ones + v, 2, inputs + v * (LANES / 8), moving, flips);
        v += 2;
    }
    if (count - v == 1)
        NAME(learn_vectors)(g, w + v, ones + v, 1, inputs + v * (LANES / 8), moving, flips);
}

static void NAME(evaluate)(const struct geometry *g, const int8_t *weights, const uint8_t *inputs,
                           uint64_t *representation)
{
    const size_t count = g->stride / LANES;
    for (size_t unit = 0; unit < (size_t)g->shape.k; unit++) {
        const int8_t *w = weights + unit * g->stride;
        const uint8_t *x = inputs + unit * g->unit_bytes;
        uint64_t *plane = representation + unit * g->words;
        if (count == 1)
            NAME(evaluate_unit)(g, w, 1, x, plane);
        else
            NAME(evaluate_unit)(g, w, count, x, plane);
    }
}

static void NAME(learn)(const struct geometry *g, int8_t *weights, const uint8_t *inputs,
                        const uint64_t *representation, const uint64_t *tau,
                        const uint64_t *agreed)
{
    uint64_t moving[KERNEL_WORDS];
    uint64_t flips[KERNEL_WORDS];
    const uint64_t hebbian = g->shape.rule == RULE_HEBBIAN ? ~UINT64_C(0) : 0;
    const uint64_t ruled = g->shape.rule == RULE_RANDOM_WALK ? 0 : ~UINT64_C(0);
    for (size_t word = 0; word < g->words; word++)
        flips[word] = (tau[word] ^ hebbian) & ruled;
    for (size_t unit = 0; unit < (size_t)g->shape.k; unit++) {
        const uint64_t *plane = representation + unit * g->words;
        for (size_t word = 0; word < g->words; word++)
            moving[word] = agreed[word] & ~(plane[word] ^ tau[word]);
        NAME(learn_unit)(g, weights + unit * g->stride, g->stride / LANES,
                         inputs + unit * g->unit_bytes, moving, flips);
    }
}
