#include "strict.h"

#include "simulation_crowd_state.h"
#include "simulation_query.h"

/* What the partner whose turn it is asks for, in the lanes of its chunk. */
static void query(struct crowd *c, struct chunk *chunk, size_t step)
{
    const struct network *net = &c->plan.network;
    const size_t words = c->plan.package * inputs_words(c);
    const unsigned asker = (unsigned)((c->clock - chunk->began + step) % 2);
    const size_t first = c->common ? 0 : chunk->first;
    const size_t count = c->common ? c->kernel->columns : c->chunk_columns;
    for (size_t i = 0; i < net->k; i++) {
        crowd_read(c, chunk->first, asker, i * net->n, net->n, c->unit);
        ask_unit(c->unit, net->n, net->l, c->plan.field, &chunk->querier, c->asking, c->negative);
        for (size_t column = first; column < first + count; column++) {
            uint64_t *x = cell(c, c->inputs[c->present], words,
                               step * inputs_words(c) + i * net->n, column);
            for (size_t j = 0; j < net->n; j++)
                x[j * c->kernel->columns] = 0 - (uint64_t)c->negative[j];
        }
    }
}

void crowd_make_inputs(struct crowd *c)
{
    const size_t width = c->kernel->columns;
    const size_t words = c->plan.package * inputs_words(c);
    if (c->plan.field > 0) {
        for (size_t i = 0; i < c->pairs; i++)
            for (size_t step = 0; step < c->plan.package; step++)
                query(c, &c->chunk[i], step);
    } else {
        for (size_t part = 0; part < (c->common ? 1 : c->parts); part++)
            c->kernel->draw_common(c->shared + part * 4 * width,
                                   c->inputs[c->present] + part * words * width, words);
    }
    if (!c->plan.secret_inputs)
        return;
    for (size_t part = 0; part < c->parts; part++)
        c->kernel->draw_common(c->guessing + part * 4 * width, c->guesses + part * words * width,
                               words);
    for (size_t column = 0; column < c->columns; column++) {
        const uint64_t pair = column % c->chunk_columns == 0 ? 3 : 0;
        for (size_t j = 0; j < words; j++) {
            uint64_t *x = cell(c, c->inputs[c->present], words, j, column);
            *x = (*x & pair) | (*cell(c, c->guesses, words, j, column) & ~pair);
        }
    }
}
