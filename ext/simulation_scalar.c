#include "strict.h"

#include <string.h>

#include "simulation_scalar.h"

void scalar_draw(int32_t l, int8_t *weights, size_t count, struct numbers *numbers)
{
    const uint32_t values = 2 * (uint32_t)l + 1;
    const uint32_t accepted = UINT32_MAX / values * values;
    for (size_t j = 0; j < count;) {
        const uint32_t number = (uint32_t)(next_number(numbers) >> 32);
        if (number < accepted)
            weights[j++] = (int8_t)((int32_t)(number % values) - l);
    }
}

void scalar_inputs(int8_t *inputs, size_t count, struct numbers *numbers)
{
    uint64_t bits = 0;
    for (size_t j = 0; j < count; j++, bits >>= 1) {
        if (j % 64 == 0)
            bits = next_number(numbers);
        inputs[j] = bits & 1 ? -1 : 1;
    }
}

/* The internal representation with the geometric correction. */
static uint64_t corrected(const struct shape *shape, const int8_t *weights, const int8_t *inputs,
                          int output)
{
    uint64_t representation = 0;
    int32_t least = INT32_MAX;
    int weakest = 0;
    for (int32_t i = 0; i < shape->k; i++) {
        int32_t field = 0;
        for (int32_t j = 0; j < shape->n; j++, weights++, inputs++)
            field += *weights * *inputs;
        representation |= (uint64_t)(field > 0) << i;
        if ((field < 0 ? -field : field) < least) {
            least = field < 0 ? -field : field;
            weakest = i;
        }
    }
    if (machine_output(representation, shape->k) != output)
        representation ^= UINT64_C(1) << weakest;
    return representation;
}

int64_t scalar_synchronise(const struct shape *shape, size_t attackers, uint64_t limit,
                           struct numbers *numbers, int8_t *scratch)
{
    const size_t size = (size_t)shape->k * (size_t)shape->n;
    int8_t *inputs = scratch;
    int8_t *a = inputs + size;
    int8_t *b = a + size;
    int8_t *attacker = b + size;
    scalar_draw(shape->l, a, (2 + attackers) * size, numbers);
    for (uint64_t step = 0; step <= limit; step++) {
        if (memcmp(a, b, size) == 0)
            return (int64_t)step;
        scalar_inputs(inputs, size, numbers);
        const uint64_t of_a = machine_represent(shape, a, inputs);
        const uint64_t of_b = machine_represent(shape, b, inputs);
        const int output = machine_output(of_a, shape->k);
        if (machine_output(of_b, shape->k) != output)
            continue;
        for (size_t i = 0; i < attackers; i++)
            machine_learn(shape, attacker + i * size, inputs,
                          corrected(shape, attacker + i * size, inputs, output), output);
        machine_learn(shape, a, inputs, of_a, output);
        machine_learn(shape, b, inputs, of_b, output);
    }
    return -1;
}
