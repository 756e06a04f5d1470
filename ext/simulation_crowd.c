#include "strict.h"

#include <string.h>

#include "simulation_crowd_state.h"

static int is_idle(const struct crowd *c, size_t part)
{
    const size_t width = c->kernel->columns;
    for (size_t column = part * width; column < (part + 1) * width; column++)
        if (column / c->chunk_columns < c->pairs &&
            c->chunk[column / c->chunk_columns].run != UINT64_MAX &&
            (c->alive[column] || column % c->chunk_columns == 0))
            return 0;
    return 1;
}

/* Learns step `learnt` of package `set` and evaluates step `step` of the present one. */
static void pass(struct crowd *c, size_t part, int set, size_t learnt, const uint64_t *move,
                 size_t step)
{
    const struct network *net = &c->plan.network;
    const size_t width = c->kernel->columns;
    const size_t words = c->plan.package * inputs_words(c);
    const size_t source = c->common ? 0 : part;
    c->kernel->pass(
        net, c->weights + part * weights_words(c) * width,
        c->inputs[set] + (source * words + learnt * inputs_words(c)) * width,
        c->inputs[c->present] + (source * words + step * inputs_words(c)) * width,
        c->start + source * net->k * (size_t)net->sums * width, move,
        c->turn + (part * c->plan.package + learnt) * width, c->sums);
}

static uint64_t *moves(const struct crowd *c, size_t part, size_t step)
{
    return c->sigma +
           (part * c->plan.package + step) * c->plan.network.k * c->kernel->columns;
}

/* A chunk is suspected of being synchronised when all fields of A and B are equal. */
static int equal_fields(const struct crowd *c, size_t column)
{
    const size_t width = c->kernel->columns;
    const size_t words = c->plan.network.k * (size_t)c->plan.network.sums;
    for (size_t i = 0; i < words; i++) {
        const uint64_t sum = c->sums[i * width + column % width];
        if ((sum ^ sum >> 1) & 1)
            return 0;
    }
    return 1;
}

static int equal_weights(const struct crowd *c, size_t column)
{
    const size_t words = weights_words(c);
    for (size_t i = 0; i < words; i++) {
        const uint64_t plane = *cell(c, c->weights, words, i, column);
        if ((plane ^ plane >> 1) & 1)
            return 0;
    }
    return 1;
}

static void evaluate(struct crowd *c, size_t step, int fused)
{
    const struct network *net = &c->plan.network;
    const size_t width = c->kernel->columns;
    const size_t sums = (size_t)net->sums;
    const size_t words = c->plan.package * inputs_words(c);
    for (size_t part = 0; part < (c->common ? 1 : c->parts); part++)
        c->kernel->tally(net,
                         c->inputs[c->present] + (part * words + step * inputs_words(c)) * width,
                         c->start + part * net->k * sums * width);
    uint64_t target[GROUP_COLUMNS];
    for (size_t part = 0; part < c->parts; part++) {
        if (is_idle(c, part))
            continue;
        if (fused)
            pass(c, part, !c->present, c->plan.package - 1, moves(c, part, c->plan.package - 1),
                 step);
        else
            pass(c, part, c->present, step, c->zero, step);
        for (size_t i = 0; i < width; i++) {
            const size_t column = part * width + i;
            uint64_t product = 0 - (uint64_t)(1 & ~net->k);
            for (size_t unit = 0; unit < net->k; unit++)
                product ^= c->sums[(unit * sums + sums - 1) * width + i];
            *output_of(c, step, column) = product;
            /* A's output is in the chunk's first column, which is never in a later vector. */
            target[i] = 0 - (*output_of(c, step, column - column % c->chunk_columns) & 1);
            if (step == 0 && column % c->chunk_columns == 0 &&
                column / c->chunk_columns < c->pairs)
                c->chunk[column / c->chunk_columns].synchronised =
                    equal_fields(c, column) && equal_weights(c, column);
        }
        c->kernel->correct(net, c->sums, target, moves(c, part, step));
    }
}

/* Turns the signs of a step into moves. */
static void decide(struct crowd *c, struct chunk *chunk, size_t step)
{
    const size_t k = c->plan.network.k;
    const uint64_t output = *output_of(c, step, chunk->first);
    const int positive = (int)(output & 1);
    const int begun = chunk->began <= c->clock; /* else it was restarted after this package */
    const int agree = begun && !((output ^ output >> 1) & 1);
    const uint64_t steps = c->clock - chunk->began + step + 1;
    chunk->work += begun ? (int64_t)chunk->size : 0;
    if (agree && c->plan.strategy == CROWD_MAJORITY && steps > MAJORITY_FROM && steps % 2 == 0) {
        crowd_vote(c, chunk, step, positive);
    } else if (agree && c->plan.strategy == CROWD_GENETIC) {
        crowd_evolve(c, chunk, step, positive);
    }
    const uint64_t a = 0 - (uint64_t)positive;
    const uint64_t turn = c->plan.rule == LEARN_HEBBIAN        ? ~a
                          : c->plan.rule == LEARN_ANTI_HEBBIAN ? a
                                                               : 0;
    for (size_t column = chunk->first; column < chunk->first + c->chunk_columns; column++) {
        *cell(c, c->turn, c->plan.package, step, column) = turn;
        for (size_t unit = 0; unit < k; unit++) {
            uint64_t *sigma = sigma_of(c, step, unit, column);
            *sigma = agree ? ~(*sigma ^ a) : 0;
        }
    }
}

/* ---- runs ---- */

static void look(struct crowd *c)
{
    const int fused = c->plan.field <= 0;
    if (!fused)
        for (size_t part = 0; part < c->parts; part++)
            if (!is_idle(c, part))
                pass(c, part, !c->present, c->plan.package - 1,
                     moves(c, part, c->plan.package - 1), 0);
    crowd_make_inputs(c);
    for (size_t step = 0; step < c->plan.package; step++)
        evaluate(c, step, fused && step == 0);
}

static void learn(struct crowd *c)
{
    for (size_t step = 0; step < c->plan.package; step++) {
        for (size_t pair = 0; pair < c->pairs; pair++)
            decide(c, &c->chunk[pair], step);
        for (size_t part = 0; step + 1 < c->plan.package && part < c->parts; part++)
            if (!is_idle(c, part))
                pass(c, part, c->present, step, moves(c, part, step), step);
    }
    c->clock += c->plan.package;
    c->present = !c->present;
}

/* A fresh pair with fresh attackers, from step `began`. */
static void restart(struct crowd *c, struct chunk *chunk, uint64_t run, uint64_t began)
{
    const size_t width = c->kernel->columns;
    const size_t last = chunk->first + c->chunk_columns;
    chunk->run = run;
    chunk->began = began;
    chunk->work = 0;
    chunk->history = 0;
    chunk->synchronised = 0;
    chunk->met = UINT64_MAX;
    chunk->size = c->plan.strategy == CROWD_GENETIC ? 1 : c->plan.attackers;
    for (size_t column = chunk->first; column < last; column++) {
        c->alive[column] = attackers_mask(c, column - chunk->first, chunk->size);
        for (size_t i = 0; i < HISTORY; i++)
            *cell(c, c->predicted, HISTORY, i, column) = ~UINT64_C(0);
        for (size_t bit = 0; bit < SCORE_BITS; bit++)
            *cell(c, c->score, SCORE_BITS, bit, column) = 0 - (uint64_t)(HISTORY >> bit & 1);
    }
    for (size_t part = chunk->first / width; part * width < last; part++) {
        uint64_t mask[GROUP_COLUMNS] = {0};
        for (size_t i = 0; i < width; i++) {
            const size_t column = part * width + i;
            if (column >= chunk->first && column < last)
                mask[i] = c->alive[column] | (column == chunk->first ? 3 : 0);
        }
        c->kernel->redraw(&c->plan.network, c->weights + part * weights_words(c) * width, mask,
                          c->fresh + part * 4 * width);
    }
}

/* The number of weights of the best attacker that are A's. */
static int32_t best_match(struct crowd *c, const struct chunk *chunk)
{
    const size_t width = c->kernel->columns;
    const size_t words = weights_words(c);
    uint64_t *count = c->compared + words * width;
    int counters = 4;
    while (inputs_words(c) >> counters)
        counters++;
    for (size_t i = 0; i < words; i++) {
        const uint64_t a = *cell(c, c->weights, words, i, chunk->first) & 1;
        for (size_t j = 0; j < width; j++)
            c->compared[i * width + j] = 0 - a;
    }
    int32_t best = 0;
    size_t counted = SIZE_MAX; /* the vector that `count` belongs to */
    for (size_t i = 0; i < c->chunk_columns; i++) {
        const size_t column = chunk->first + i;
        uint64_t lanes = c->alive[column];
        if (lanes && column / width != counted) {
            counted = column / width;
            c->kernel->matches(&c->plan.network, c->compared,
                               c->weights + counted * words * width, count, counters);
        }
        for (; lanes; lanes &= lanes - 1) {
            int32_t matched = 0;
            for (int bit = 0; bit < counters; bit++)
                matched |= (int32_t)(count[(size_t)bit * width + column % width] >>
                                         __builtin_ctzll(lanes) &
                                     1)
                           << bit;
            if (matched > best)
                best = matched;
        }
    }
    return best;
}

void crowd_run(struct crowd *c, uint64_t asked, const struct crowd_results *results)
{
    uint64_t started = 0;
    uint64_t active = 0;
    for (size_t pair = 0; pair < c->pairs && started < asked; pair++, active++)
        restart(c, &c->chunk[pair], started++, 0);
    while (active) {
        look(c);
        for (size_t pair = 0; pair < c->pairs; pair++) {
            struct chunk *chunk = &c->chunk[pair];
            if (chunk->run == UINT64_MAX)
                continue;
            if (chunk->synchronised && chunk->met == UINT64_MAX)
                chunk->met = c->clock;
            const int met = chunk->met != UINT64_MAX;
            if (c->clock - (met ? chunk->met : chunk->began) <
                (met ? c->plan.delay : c->plan.limit))
                continue;
            if (results->steps)
                results->steps[chunk->run] = met ? (int64_t)(chunk->met - chunk->began) : -1;
            if (results->matched)
                results->matched[chunk->run] = best_match(c, chunk);
            if (results->work)
                results->work[chunk->run] = chunk->work;
            if (started < asked) {
                restart(c, chunk, started++, c->clock + c->plan.package);
            } else {
                chunk->run = UINT64_MAX;
                chunk->size = 0;
                memset(c->alive + chunk->first, 0, c->chunk_columns * sizeof *c->alive);
                active--;
            }
        }
        learn(c);
    }
}

void crowd_fill(struct crowd *c)
{
    for (size_t pair = 0; pair < c->pairs; pair++)
        restart(c, &c->chunk[pair], pair, c->clock);
}

void crowd_advance(struct crowd *c)
{
    if (c->looked)
        learn(c);
    look(c);
    c->looked = 1;
}
