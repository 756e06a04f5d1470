/* The memory of a crowd, and what can be read in it. */
#include "strict.h"

#include <stdlib.h>
#include <string.h>

#include "simulation_crowd_state.h"
#include "simulation_query.h"

struct crowd *crowd_new(const struct crowd_plan *plan, const struct lane_kernel *kernel)
{
    struct crowd *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->plan = *plan;
    c->kernel = kernel;
    c->chunk_columns = (lane_of_attackers(c) + plan->attackers + 63) / 64;
    c->pairs = c->chunk_columns <= GROUP_COLUMNS ? GROUP_COLUMNS / c->chunk_columns : 1;
    c->columns = (c->pairs * c->chunk_columns + GROUP_COLUMNS - 1) / GROUP_COLUMNS * GROUP_COLUMNS;
    c->parts = c->columns / kernel->columns;
    c->common = c->pairs == 1 && !plan->secret_inputs;

    const struct network *net = &c->plan.network;
    const size_t width = kernel->columns;
    const size_t input_parts = c->common ? 1 : c->parts;
    const size_t package_inputs = plan->package * inputs_words(c);
    const size_t sums = net->k * (size_t)net->sums;
    const size_t wanted[] = {
        c->parts * weights_words(c) * width,
        input_parts * package_inputs * width,
        input_parts * package_inputs * width,
        plan->secret_inputs ? c->parts * package_inputs * width : 0,
        input_parts * sums * width,
        sums * width,
        c->parts * plan->package * net->k * width,
        c->parts * plan->package * width,
        input_parts * 4 * width,
        c->parts * 4 * width,
        c->parts * 4 * width,
        (weights_words(c) + MAX_SUMS) * width,
        net->k * width,
        plan->package * c->columns,
        HISTORY * c->columns,
        SCORE_BITS * c->columns,
        c->columns,
        c->columns + 1,
    };
    uint64_t **const arrays[] = {
        &c->weights, &c->inputs[0], &c->inputs[1], &c->guesses, &c->start,     &c->sums,
        &c->sigma,   &c->turn,      &c->shared,    &c->guessing, &c->fresh,    &c->compared,
        &c->zero,    &c->output,    &c->predicted, &c->score,    &c->alive,    &c->packed,
    };
    size_t words = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        words += (wanted[i] + 7) / 8 * 8;
    c->memory = aligned_alloc(64, words * sizeof(uint64_t));
    c->chunk = calloc(c->pairs, sizeof *c->chunk);
    c->unit = malloc(net->n);
    c->negative = malloc(net->n);
    c->asking = malloc(asking_bytes(net->n, net->l));
    if (!c->memory || !c->chunk || !c->unit || !c->negative || !c->asking) {
        crowd_free(c);
        return NULL;
    }
    memset(c->memory, 0, words * sizeof(uint64_t));
    uint64_t *at = c->memory;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *arrays[i] = at;
        at += (wanted[i] + 7) / 8 * 8;
    }
    /* Streams are numbered by group and column, four to a column. */
    for (size_t column = 0; column < c->columns; column++) {
        const size_t owner = column / c->chunk_columns * c->chunk_columns;
        const uint64_t mine = (plan->number << 16 | column) * 4;
        const uint64_t theirs = (plan->number << 16 | (c->pairs == 1 ? 0 : owner)) * 4;
        if (column < input_parts * width)
            seed_stream(plan->key, theirs, cell(c, c->shared, 4, 0, column), width);
        seed_stream(plan->key, theirs + 1, cell(c, c->guessing, 4, 0, column), width);
        seed_stream(plan->key, mine + 2, cell(c, c->fresh, 4, 0, column), width);
    }
    for (size_t i = 0; i < c->pairs; i++) {
        c->chunk[i].first = i * c->chunk_columns;
        c->chunk[i].run = UINT64_MAX;
        seed_stream(plan->key, (plan->number << 16 | c->chunk[i].first) * 4 + 3,
                    c->chunk[i].querier.state, 1);
    }
    return c;
}

void crowd_free(struct crowd *c)
{
    if (c) {
        free(c->memory);
        free(c->chunk);
        free(c->unit);
        free(c->negative);
        free(c->asking);
        free(c);
    }
}

size_t crowd_pairs(const struct crowd *c)
{
    return c->pairs;
}

size_t crowd_size(const struct crowd *c, size_t pair)
{
    return c->chunk[pair].size;
}

void crowd_read(const struct crowd *c, size_t column, unsigned bit, size_t first, size_t count,
                int8_t *out)
{
    const int planes = c->plan.network.planes;
    const uint64_t *at =
        cell(c, c->weights, weights_words(c), first * (size_t)planes, column);
    for (size_t j = 0; j < count; j++) {
        int u = 0;
        for (int plane = 0; plane < planes; plane++, at += c->kernel->columns)
            u |= (int)(*at >> bit & 1) << plane;
        out[j] = (int8_t)(u - (1 << (planes - 1)));
    }
}

void crowd_weights(const struct crowd *c, size_t pair, size_t machine, int8_t *weights)
{
    size_t lane = machine;
    if (machine >= 2) { /* the attackers at work are not always next to each other */
        size_t left = machine - 2;
        for (size_t i = 0; i < c->chunk_columns; i++) {
            uint64_t mask = c->alive[c->chunk[pair].first + i];
            const size_t here = (size_t)__builtin_popcountll(mask);
            if (left < here) {
                for (; left > 0; left--)
                    mask &= mask - 1;
                lane = i * 64 + (size_t)__builtin_ctzll(mask);
                break;
            }
            left -= here;
        }
    }
    crowd_read(c, c->chunk[pair].first + lane / 64, lane % 64, 0, inputs_words(c), weights);
}

void crowd_inputs(const struct crowd *c, size_t pair, size_t step, int attacker, int8_t *inputs)
{
    const size_t words = c->plan.package * inputs_words(c);
    const size_t lane = attacker ? lane_of_attackers(c) : 0;
    const size_t column = c->common ? 0 : c->chunk[pair].first + lane / 64;
    for (size_t j = 0; j < inputs_words(c); j++) {
        const uint64_t x =
            *cell(c, c->inputs[c->present], words, step * inputs_words(c) + j, column);
        inputs[j] = x >> (lane % 64) & 1 ? -1 : 1;
    }
}
