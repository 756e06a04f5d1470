#include "strict.h"

#include <math.h>
#include <string.h>

#include "simulation_probability.h"
#include "simulation_query.h"
#include "simulation_scalar.h"

static size_t values_of(const struct belief *b)
{
    return 2 * (size_t)b->shape->l + 1;
}

void belief_start(const struct belief *b)
{
    const size_t values = values_of(b);
    const size_t all = (size_t)b->shape->k * (size_t)b->shape->n * values;
    for (size_t i = 0; i < all; i++)
        b->chance[i] = 1 / (double)values;
    for (int i = 0; i < NORMAL_POINTS; i++)
        b->normal[i] = 0.5 * erfc(((double)NORMAL_END - (double)i / NORMAL_PER_UNIT) / sqrt(2));
}

/* The normal distribution; interpolated, to 1e-5, for this is where the time goes. */
static inline double normal(const struct belief *b, double x)
{
    double at = (x + NORMAL_END) * NORMAL_PER_UNIT;
    at = at < 0 ? 0 : at > NORMAL_POINTS - 2 ? NORMAL_POINTS - 2 : at;
    const int below = (int)at;
    const double low = b->normal[below];
    return low + (at - below) * (b->normal[below + 1] - low);
}

/* One over the standard deviation. P(h > 0) of an integer h is P(h > 0.5) of a normal one. */
static double precision(double variance)
{
    return 1 / sqrt(variance < 1e-6 ? 1e-6 : variance);
}

/* Mean and variance of a unit's field; those of its weights are left in mean and spread. */
static void field_of(const struct belief *b, const double *chance, const int8_t *inputs,
                     double *mean, double *variance)
{
    const size_t values = values_of(b);
    *mean = *variance = 0;
    for (size_t j = 0; j < (size_t)b->shape->n; j++, chance += values) {
        double first = 0;
        double second = 0;
        for (size_t v = 0; v < values; v++) {
            const double w = (double)v - b->shape->l;
            first += chance[v] * w;
            second += chance[v] * w * w;
        }
        b->mean[j] = first;
        b->spread[j] = second - first * first;
        *mean += first * inputs[j];
        *variance += b->spread[j];
    }
}

static size_t weights_of(const struct belief *b)
{
    return (size_t)b->shape->k * (size_t)b->shape->n;
}

void belief_open_package(const struct belief *b)
{
    const size_t values = values_of(b);
    if (!b->joint)
        return;
    memset(b->joint, 0, weights_of(b) * values * values * sizeof *b->joint);
    for (size_t i = 0; i < weights_of(b) * values; i++)
        b->joint[i * values + i % values] = b->chance[i];
}

void belief_close_package(const struct belief *b)
{
    const size_t values = values_of(b);
    if (!b->joint)
        return;
    memset(b->chance, 0, weights_of(b) * values * sizeof *b->chance);
    for (size_t i = 0; i < weights_of(b) * values; i++)
        for (size_t v = 0; v < values; v++)
            b->chance[i / values * values + v] += b->joint[i * values + v];
}

static int32_t moved(int32_t w, int step, int32_t l)
{
    return w + step > l ? l : w + step < -l ? -l : w + step;
}

/* As `revise` below, for one weight in a package: rows of `joint` are its values at the start. */
static void revise_joint(const struct belief *b, double *chance, double *joint, const double *stay,
                         const double *go, int step)
{
    const int32_t l = b->shape->l;
    const size_t values = values_of(b);
    double total = 0;
    for (size_t v = 0; v < values; v++)
        total += chance[v] * (stay[v] + go[v]);
    if (total < 1e-300)
        return;
    for (size_t v = 0; v < values; v++, joint += values) {
        double row[255] = {0};
        for (int32_t w = -l; w <= l; w++) {
            row[moved(w, step, l) + l] += joint[w + l] * go[v];
            row[w + l] += joint[w + l] * stay[v];
        }
        chance[v] *= (stay[v] + go[v]) / total;
        for (size_t w = 0; w < values; w++)
            joint[w] = row[w] / total;
    }
}

/* Bayes' rule for one weight. `stay` and `go` are the joint chances of what was heard with the unit
 * keeping still or moving, for each value; `step` is where it moves. */
static void revise(const struct belief *b, double *chance, const double *stay, const double *go,
                   int step)
{
    const int32_t l = b->shape->l;
    double revised[255] = {0};
    double total = 0;
    for (int32_t w = -l; w <= l; w++) {
        revised[w + l] += chance[w + l] * stay[w + l];
        revised[moved(w, step, l) + l] += chance[w + l] * go[w + l];
        total += chance[w + l] * (stay[w + l] + go[w + l]);
    }
    if (total < 1e-300) /* the approximation excluded what happened: forget, do not divide by 0 */
        return;
    for (int32_t v = 0; v <= 2 * l; v++)
        chance[v] = revised[v] / total;
}

void belief_hear(const struct belief *b, const int8_t *inputs, int output, int learnt)
{
    const size_t k = (size_t)b->shape->k;
    const size_t n = (size_t)b->shape->n;
    const size_t values = values_of(b);
    double mean[64];
    double variance[64];
    double sign[64]; /* expected sigma */
    for (size_t i = 0; i < k; i++) {
        field_of(b, b->chance + i * n * values, inputs + i * n, &mean[i], &variance[i]);
        sign[i] = 2 * normal(b, (mean[i] - 0.5) * precision(variance[i])) - 1;
    }
    const int factor = b->shape->rule == RULE_HEBBIAN        ? output
                       : b->shape->rule == RULE_ANTI_HEBBIAN ? -output
                                                             : 1;
    for (size_t i = 0; i < k; i++) {
        double rest = 1;
        for (size_t other = 0; other < k; other++)
            if (other != i)
                rest *= sign[other];
        /* The chance of the output if sigma of this unit is equal, or opposite, to it. */
        const double if_equal = (1 + rest) / 2;
        const double if_opposite = (1 - rest) / 2;
        double *chance = b->chance + i * n * values;
        double unit_mean;
        double unit_variance;
        field_of(b, chance, inputs + i * n, &unit_mean, &unit_variance);
        for (size_t j = 0; j < n; j++, chance += values) {
            const int8_t x = inputs[i * n + j];
            double stay[255];
            double go[255];
            const double scale = precision(unit_variance - b->spread[j]);
            const double middle = (unit_mean - x * b->mean[j] - 0.5) * scale;
            for (size_t v = 0; v < values; v++) {
                const double w = (double)v - b->shape->l;
                const double up = normal(b, middle + x * scale * w);
                const double equal = output > 0 ? up : 1 - up;
                go[v] = learnt ? equal * if_equal : 0;
                stay[v] = (1 - equal) * if_opposite + (learnt ? 0 : equal * if_equal);
            }
            if (b->joint)
                revise_joint(b, chance, b->joint + (i * n + j) * values * values, stay, go,
                             factor * x);
            else
                revise(b, chance, stay, go, factor * x);
        }
    }
}

void belief_guess(const struct belief *b, int8_t *weights)
{
    const size_t values = values_of(b);
    const size_t all = (size_t)b->shape->k * (size_t)b->shape->n;
    for (size_t j = 0; j < all; j++) {
        size_t best = 0;
        for (size_t v = 1; v < values; v++)
            if (b->chance[j * values + v] > b->chance[j * values + best])
                best = v;
        weights[j] = (int8_t)((int32_t)best - b->shape->l);
    }
}

static size_t size_of(const struct eavesdropping *plan)
{
    return (size_t)plan->shape.k * (size_t)plan->shape.n;
}

size_t eavesdropping_doubles(const struct eavesdropping *plan)
{
    const size_t values = 2 * (size_t)plan->shape.l + 1;
    return size_of(plan) * values * (plan->package > 1 ? 1 + values : 1) +
           2 * (size_t)plan->shape.n + NORMAL_POINTS;
}

size_t eavesdropping_bytes(const struct eavesdropping *plan)
{
    return (3 + plan->package) * size_of(plan) +
           asking_bytes((size_t)plan->shape.n, plan->shape.l);
}

/* The inputs of one step: random, or chosen by the machine with these weights. */
static void ask(const struct eavesdropping *plan, const int8_t *weights, struct numbers *numbers,
                uint8_t *scratch, int8_t *inputs)
{
    const size_t n = (size_t)plan->shape.n;
    if (plan->field <= 0) {
        scalar_inputs(inputs, size_of(plan), numbers);
        return;
    }
    for (size_t i = 0; i < size_of(plan); i += n)
        ask_unit(weights + i, n, plan->shape.l, plan->field, numbers, scratch,
                 (uint8_t *)inputs + i);
    for (size_t i = 0; i < size_of(plan); i++)
        inputs[i] = inputs[i] ? -1 : 1;
}

int64_t eavesdrop(const struct eavesdropping *plan, struct numbers *numbers, double *doubles,
               int8_t *bytes, int32_t *matched)
{
    const struct shape *shape = &plan->shape;
    const size_t size = size_of(plan);
    int8_t *a = bytes;
    int8_t *b = a + size;
    int8_t *guess = b + size;
    int8_t *inputs = guess + size; /* [package][k*n] */
    uint8_t *scratch = (uint8_t *)inputs + plan->package * size;
    const size_t values = 2 * (size_t)shape->l + 1;
    double *mean = doubles + size * values;
    const struct belief belief = {
        .shape = shape,
        .chance = doubles,
        .joint = plan->package > 1 ? mean + 2 * shape->n + NORMAL_POINTS : NULL,
        .mean = mean,
        .spread = mean + shape->n,
        .normal = mean + 2 * shape->n,
    };
    scalar_draw(shape->l, a, 2 * size, numbers);
    belief_start(&belief);
    int64_t met = -1; /* steps to synchronisation */
    for (uint64_t steps = 0;; steps += plan->package) {
        if (met < 0 && memcmp(a, b, size) == 0)
            met = (int64_t)steps;
        if (met < 0 ? steps >= plan->limit : steps - (uint64_t)met >= plan->delay)
            break;
        uint64_t of_a[64];
        uint64_t of_b[64];
        for (size_t step = 0; step < plan->package; step++) {
            int8_t *x = inputs + step * size;
            ask(plan, (steps + step) % 2 ? b : a, numbers, scratch, x);
            of_a[step] = machine_represent(shape, a, x);
            of_b[step] = machine_represent(shape, b, x);
        }
        belief_open_package(&belief);
        for (size_t step = 0; step < plan->package; step++) {
            const int8_t *x = inputs + step * size;
            const int output = machine_output(of_a[step], shape->k);
            const int agree = machine_output(of_b[step], shape->k) == output;
            belief_hear(&belief, x, output, agree);
            if (agree) {
                machine_learn(shape, a, x, of_a[step], output);
                machine_learn(shape, b, x, of_b[step], output);
            }
        }
        belief_close_package(&belief);
    }
    belief_guess(&belief, guess);
    *matched = 0;
    for (size_t i = 0; i < size; i++)
        *matched += guess[i] == a[i];
    return met;
}
