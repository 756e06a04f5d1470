/* The memory of a group of pairs, and what can be read in it. */
#include "strict.h"

#include <stdlib.h>
#include <string.h>

#include "simulation_pairs_state.h"
#include "simulation_query.h"

static size_t words_of(const struct pairs *p)
{
    const struct network *net = &p->plan.network;
    const size_t kn = net->k * net->n;
    return p->machines * kn * (size_t)net->planes + 2 * p->sets * p->plan.package * kn +
           (p->sets + 1) * net->k * (size_t)net->sums +
           p->plan.package * (p->machines * net->k + 3) + 4 + net->k +
           (p->plan.field > 0 ? asking_words(net) : 0);
}

struct pairs *pairs_new(const struct pairs_plan *plan, const struct lane_kernel *kernel)
{
    struct pairs *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->plan = *plan;
    p->kernel = kernel;
    p->machines = 2 + plan->attackers;
    p->sets = plan->secret_inputs ? 2 : 1;
    p->parts = GROUP_COLUMNS / kernel->columns;
    const size_t bytes = words_of(p) * GROUP_COLUMNS * sizeof(uint64_t);
    p->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p->memory) {
        pairs_free(p);
        return NULL;
    }
    memset(p->memory, 0, bytes);

    const struct network *net = &p->plan.network;
    const size_t kn = net->k * net->n;
    const size_t columns = kernel->columns;
    uint64_t *at = p->memory;
#define TAKE(words) (at += (words) * columns, at - (words) * columns)
    p->zero = TAKE(net->k);
    p->asking = TAKE(p->plan.field > 0 ? asking_words(net) : (size_t)0);
    for (size_t i = 0; i < p->parts; i++) {
        struct part *part = &p->part[i];
        part->weights = TAKE(p->machines * kn * (size_t)net->planes);
        part->inputs[0] = TAKE(p->sets * plan->package * kn);
        part->inputs[1] = TAKE(p->sets * plan->package * kn);
        part->start = TAKE(p->sets * net->k * (size_t)net->sums);
        part->sums = TAKE(net->k * (size_t)net->sums);
        part->sigma = TAKE(plan->package * p->machines * net->k);
        part->output = TAKE(plan->package * 2);
        part->turn = TAKE(plan->package);
        part->rng = TAKE((size_t)4);
        for (size_t column = 0; column < columns; column++)
            seed_stream(plan->key, (plan->number * GROUP_COLUMNS + i * columns + column) * 2,
                        part->rng + column, columns);
    }
#undef TAKE
    for (size_t column = 0; column < GROUP_COLUMNS; column++) {
        seed_stream(plan->key, (plan->number * GROUP_COLUMNS + column) * 2 + 1,
                    p->querier[column].state, 1);
        p->done[column] = p->frozen[column] = ~UINT64_C(0);
    }
    return p;
}

void pairs_free(struct pairs *p)
{
    if (p) {
        free(p->memory);
        free(p);
    }
}

void pairs_weights(const struct pairs *p, size_t machine, size_t lane, int8_t *weights)
{
    const struct network *net = &p->plan.network;
    const size_t columns = p->kernel->columns;
    const size_t column = lane / 64;
    const uint64_t *at =
        machine_weights(p, &p->part[column / columns], machine) + column % columns;
    for (size_t j = 0; j < net->k * net->n; j++) {
        int u = 0;
        for (int plane = 0; plane < net->planes; plane++, at += columns)
            u |= (int)(*at >> (lane % 64) & 1) << plane;
        weights[j] = (int8_t)(u - (1 << (net->planes - 1)));
    }
}

void pairs_inputs(const struct pairs *p, size_t step, int attacker, size_t lane, int8_t *inputs)
{
    const size_t column = lane / 64;
    const size_t columns = p->kernel->columns;
    const size_t kn = p->plan.network.k * p->plan.network.n;
    const size_t set = attacker ? p->sets - 1 : 0;
    const uint64_t *x = p->part[column / columns].inputs[!p->present] +
                        (set * p->plan.package + step) * kn * columns + column % columns;
    for (size_t j = 0; j < kn; j++)
        inputs[j] = x[j * columns] >> (lane % 64) & 1 ? -1 : 1;
}
