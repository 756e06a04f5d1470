#include "strict.h"

#include <string.h>

#include "simulation_crowd_state.h"

/* Moves the attackers at work together and puts 2^log copies of each side by side, in word `index`
 * of an array of `words` for each vector. */
static void multiply(struct crowd *c, const struct chunk *chunk, int log, uint64_t *array,
                     size_t words, size_t index)
{
    uint64_t *packed = c->packed;
    size_t filled = 0; /* bits in `packed` */
    packed[0] = 0;
    for (size_t i = 1; i < c->chunk_columns; i++) {
        const uint64_t mask = c->alive[chunk->first + i];
        if (!mask)
            continue;
        const uint64_t bits =
            c->kernel->compress(*cell(c, array, words, index, chunk->first + i), mask);
        const size_t at = filled % 64;
        packed[filled / 64] |= bits << at;
        packed[filled / 64 + 1] = at ? bits >> (64 - at) : 0;
        filled += (size_t)__builtin_popcountll(mask);
    }
    const size_t step = (size_t)64 >> log;
    for (size_t i = 1, at = 0; at < filled; i++, at += step)
        *cell(c, array, words, index, chunk->first + i) =
            c->kernel->spread(packed[at / 64] >> (at % 64), log);
}

/* Every attacker becomes one for each internal representation with the partners' output. */
static void branch(struct crowd *c, struct chunk *chunk, size_t step, int positive)
{
    const size_t k = c->plan.network.k;
    const int log = (int)k - 1;
    for (size_t i = 0; i < weights_words(c); i++)
        multiply(c, chunk, log, c->weights, weights_words(c), i);
    for (size_t i = 0; i < HISTORY; i++)
        multiply(c, chunk, log, c->predicted, HISTORY, i);
    for (size_t i = 0; i < SCORE_BITS; i++)
        multiply(c, chunk, log, c->score, SCORE_BITS, i);
    for (size_t later = step + 1; later < c->plan.package; later++) {
        multiply(c, chunk, log, c->output, c->plan.package, later);
        for (size_t unit = 0; unit < k; unit++)
            multiply(c, chunk, log, c->sigma, c->plan.package * k, later * k + unit);
    }
    chunk->size <<= log;
    for (size_t unit = 0; unit < k; unit++) {
        uint64_t pattern = 0;
        for (size_t lane = 0; lane < 64; lane++)
            pattern |= (uint64_t)sign_in(lane & (((size_t)1 << log) - 1), unit, k, positive)
                       << lane;
        for (size_t i = 1; i < c->chunk_columns; i++)
            *sigma_of(c, step, unit, chunk->first + i) = pattern;
    }
    for (size_t i = 1; i < c->chunk_columns; i++)
        c->alive[chunk->first + i] = attackers_mask(c, i, chunk->size);
}

/* Notes which attackers predicted the partners' output. */
static void remember(struct crowd *c, struct chunk *chunk, size_t step, int positive)
{
    for (size_t i = 1; i < c->chunk_columns; i++) {
        const size_t column = chunk->first + i;
        uint64_t *predicted = cell(c, c->predicted, HISTORY, chunk->history, column);
        const uint64_t right = *output_of(c, step, column) ^ (positive ? 0 : ~UINT64_C(0));
        uint64_t more = right & ~*predicted;
        uint64_t fewer = *predicted & ~right;
        *predicted = right;
        for (size_t bit = 0; bit < SCORE_BITS; bit++) {
            uint64_t *score = cell(c, c->score, SCORE_BITS, bit, column);
            const uint64_t before = *score;
            *score ^= more | fewer;
            more &= before;
            fewer &= ~before;
        }
    }
    chunk->history = (chunk->history + 1) % HISTORY;
}

/* The lanes of a column whose score is exactly `score`. */
static uint64_t with_score(const struct crowd *c, size_t column, int score)
{
    uint64_t same = ~UINT64_C(0);
    for (size_t bit = 0; bit < SCORE_BITS; bit++)
        same &= *cell(c, c->score, SCORE_BITS, bit, column) ^
                (score >> bit & 1 ? 0 : ~UINT64_C(0));
    return same;
}

/* Drops the attackers that predicted too little; the best SURVIVORS stay, of equals the first. */
static void choose(struct crowd *c, struct chunk *chunk)
{
    size_t kept = 0;
    uint64_t *alive = c->alive + chunk->first;
    uint64_t *keep = c->packed;
    memset(keep, 0, c->chunk_columns * sizeof *keep);
    for (int score = HISTORY; score >= 0; score--) {
        if (score < PREDICTED && kept >= SURVIVORS)
            break;
        for (size_t i = 1; i < c->chunk_columns; i++) {
            uint64_t same = alive[i] & with_score(c, chunk->first + i, score);
            if (score < PREDICTED)
                while (same && kept + (size_t)__builtin_popcountll(same) > SURVIVORS)
                    same &= ~(UINT64_C(1) << (63 - __builtin_clzll(same)));
            keep[i] |= same;
            kept += (size_t)__builtin_popcountll(same);
        }
    }
    memcpy(alive + 1, keep + 1, (c->chunk_columns - 1) * sizeof *keep);
    chunk->size = kept;
}

void crowd_evolve(struct crowd *c, struct chunk *chunk, size_t step, int positive)
{
    const size_t k = c->plan.network.k;
    remember(c, chunk, step, positive);
    if (k > 1 && chunk->size << (k - 1) <= c->plan.attackers)
        branch(c, chunk, step, positive);
    else
        choose(c, chunk);
}
