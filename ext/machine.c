#include "strict.h"

#include "machine.h"

uint64_t machine_represent(const struct shape *shape, const int8_t *weights, const int8_t *inputs)
{
    uint64_t representation = 0;
    for (int32_t unit = 0; unit < shape->k; unit++) {
        const int8_t *w = weights + (ptrdiff_t)unit * shape->n;
        const int8_t *x = inputs + (ptrdiff_t)unit * shape->n;
        int32_t field = 0;
        for (int32_t j = 0; j < shape->n; j++)
            field += w[j] * x[j];
        representation |= (uint64_t)(field > 0) << unit;
    }
    return representation;
}

int machine_output(uint64_t representation, int32_t k)
{
    return ((k - __builtin_popcountll(representation)) & 1) ? -1 : 1;
}

/* What a unit that gave `output` adds to its weights, as a factor of the input. */
static int factor(enum rule rule, int output)
{
    switch (rule) {
    case RULE_HEBBIAN:
        return output;
    case RULE_ANTI_HEBBIAN:
        return -output;
    default:
        return 1;
    }
}

void machine_learn(const struct shape *shape, int8_t *weights, const int8_t *inputs,
                   uint64_t representation, int output)
{
    const int sign = factor(shape->rule, output);
    for (int32_t unit = 0; unit < shape->k; unit++) {
        if (((representation >> unit) & 1) != (output > 0))
            continue;
        int8_t *w = weights + (ptrdiff_t)unit * shape->n;
        const int8_t *x = inputs + (ptrdiff_t)unit * shape->n;
        for (int32_t j = 0; j < shape->n; j++) {
            int moved = w[j] + sign * x[j];
            moved = moved > shape->l ? shape->l : moved;
            moved = moved < -shape->l ? -shape->l : moved;
            w[j] = (int8_t)moved;
        }
    }
}

void machine_draw(int32_t l, int8_t *weights, size_t count, uint8_t *random, size_t size,
                  size_t *drawn, size_t *used)
{
    const int32_t values = 2 * l + 1;
    const int32_t accepted = 256 / values * values;
    size_t done = 0;
    size_t position = 0;
    while (done < count && position < size) {
        const int32_t byte = random[position];
        random[position++] = 0;
        if (byte < accepted)
            weights[done++] = (int8_t)(byte % values - l);
    }
    *drawn = done;
    *used = position;
}
