#include "strict.h"

#include <math.h>
#include <string.h>

#include "simulation_particle.h"

static size_t weights_of(const struct shape *shape)
{
    return (size_t)shape->k * (size_t)shape->n;
}

static int32_t largest_field(const struct shape *shape)
{
    return shape->n * shape->l;
}

/* P(h > 0) of an integer with noise, as of a normal number above one half. */
static double positive(int32_t field, double noise)
{
    return 0.5 * erfc((0.5 - field) / (noise * sqrt(2)));
}

void particles_certainty(const struct particles *p, double flip, double doubt)
{
    const int32_t most = largest_field(p->shape);
    for (int32_t field = -most; field <= most; field++) {
        p->flip[field + most] = positive(field, flip);
        p->doubt[field + most] = positive(field, doubt);
    }
}

/* An internal representation that gives `output`, drawn by the chance of each; `up` are the
 * chances of the units to be +1. */
static uint64_t guess(const double *up, int32_t k, int output, struct numbers *numbers)
{
    double rest[64]; /* expected product of the units from this one on */
    double product = 1;
    for (int32_t i = k - 1; i > 0; i--)
        rest[i] = product *= 2 * up[i] - 1;
    uint64_t representation = 0;
    int wanted = output; /* product of the units that are left */
    for (int32_t i = 0; i < k - 1; i++) {
        const double plus = up[i] * (1 + wanted * rest[i + 1]);
        const double minus = (1 - up[i]) * (1 - wanted * rest[i + 1]);
        if (uniform_number(numbers) * (plus + minus) < plus)
            representation |= UINT64_C(1) << i;
        else
            wanted = -wanted;
    }
    return wanted > 0 ? representation | UINT64_C(1) << (k - 1) : representation;
}

/* One step of one machine: its score, and its internal representation if it is to learn. */
static uint64_t hear(const struct particles *p, const int8_t *weights, const int8_t *inputs, int a,
                     int learnt, double *score, struct numbers *numbers)
{
    const struct shape *shape = p->shape;
    const int32_t most = largest_field(shape);
    double up[64];
    double product = 1;
    for (int32_t i = 0; i < shape->k; i++) {
        int32_t field = 0;
        for (int32_t j = 0; j < shape->n; j++)
            field += *weights++ * *inputs++;
        product *= 2 * p->doubt[field + most] - 1;
        up[i] = p->flip[field + most];
    }
    /* The small number is a mistake that nobody is killed for. */
    *score += log((1 + a * product) / 2 + 1e-6);
    return learnt ? guess(up, shape->k, a, numbers) : 0;
}

void particles_listen(const struct particles *p, const struct heard *package,
                      struct numbers *numbers)
{
    const size_t size = weights_of(p->shape);
    for (size_t machine = 0; machine < p->machines; machine++) {
        int8_t *weights = p->weights + machine * size;
        for (size_t step = 0; step < package->steps; step++)
            p->moves[step] = hear(p, weights, package->inputs + step * size, package->a[step],
                                  package->a[step] == package->b[step], &p->score[machine],
                                  numbers);
        for (size_t step = 0; step < package->steps; step++)
            if (package->a[step] == package->b[step])
                machine_learn(p->shape, weights, package->inputs + step * size, p->moves[step],
                              package->a[step]);
    }
}

void particles_select(struct particles *p, struct numbers *numbers)
{
    const size_t size = weights_of(p->shape);
    size_t left = (size_t)((double)p->machines * p->share);
    left = left < p->fewest ? p->fewest : left;
    left = left > p->machines ? p->machines : left;
    double best = p->score[0];
    double total = 0;
    for (size_t i = 1; i < p->machines; i++)
        best = p->score[i] > best ? p->score[i] : best;
    for (size_t i = 0; i < p->machines; i++)
        total += exp(p->score[i] - best);
    /* Systematic: the survivors stand at equal distances on the sum of the chances. */
    double sum = 0;
    double mark = uniform_number(numbers);
    size_t chosen = 0;
    for (size_t i = 0; i < p->machines; i++) {
        sum += exp(p->score[i] - best) / total * (double)left;
        for (; chosen < left && (mark < sum || i == p->machines - 1); mark += 1)
            memcpy(p->spare + chosen++ * size, p->weights + i * size, size);
    }
    int8_t *old = p->weights;
    p->weights = p->spare;
    p->spare = old;
    p->machines = left;
    memset(p->score, 0, left * sizeof *p->score);
}
