#include "strict.h"

#include <stdlib.h>
#include <string.h>

#include "simulation_crowd.h"
#include "simulation_query.h"

enum { SCORE_BITS = 5 }; /* of the number of right predictions, 0..HISTORY */

/* One pair with its attackers: `columns` columns from `first`; A and B are lanes 0 and 1 of the
 * first. The attackers follow at lane 2, or at lane 64 if their lanes are to be moved about. */
struct chunk {
    size_t first;
    size_t size;      /* attackers at work */
    size_t history;   /* place in the ring of predictions */
    uint64_t began;   /* the clock at its first step */
    uint64_t run;     /* number of the run, UINT64_MAX for none */
    int64_t work;
    int synchronised; /* found by the last evaluation */
    uint64_t met;     /* the clock when it was found first, UINT64_MAX before */
    struct numbers querier;
};

struct crowd {
    struct crowd_plan plan;
    const struct lane_kernel *kernel;
    size_t pairs;         /* chunks side by side */
    size_t chunk_columns; /* columns of a chunk */
    size_t columns;       /* columns of the group: a multiple of GROUP_COLUMNS */
    size_t parts;         /* vectors: columns / kernel->columns */
    size_t common;        /* 1 if all vectors see the same inputs, which are then kept once */
    int present;          /* which of inputs[2] is of the present package */
    int looked;           /* `crowd_advance` was called before */
    uint64_t clock;
    struct chunk *chunk;
    void *memory;
    /* Arrays of logical words, one after the other for each vector. */
    uint64_t *weights;   /* [part][k][n][planes] */
    uint64_t *inputs[2]; /* [part or 1][step][k][n] */
    uint64_t *guesses;   /* [part][step][k][n] attackers' inputs, before they are put in place */
    uint64_t *start;     /* [part or 1][k][sums] */
    uint64_t *sums;      /* [k][sums] of the vector at hand */
    uint64_t *sigma;     /* [part][step][k]; after `decide` the moves */
    uint64_t *turn;      /* [part][step] */
    uint64_t *shared;    /* [part or 1][4] streams of the inputs: the same in all of a chunk */
    uint64_t *guessing;  /* [part][4] streams of the guesses: the same in all of a chunk */
    uint64_t *fresh;     /* [part][4] streams of start weights */
    uint64_t *compared;  /* [k][n][planes] A's weights in all lanes, and [MAX_SUMS] counters */
    uint64_t *zero;      /* [k] */
    uint64_t *output;    /* [part][step] tau of every lane before correction, set for +1 */
    uint64_t *predicted; /* [part][HISTORY] which learning outputs it predicted */
    uint64_t *score;     /* [part][SCORE_BITS] how many of them */
    uint64_t *alive;     /* by column: attackers at work */
    uint64_t *packed;    /* by column, and one more */
    int8_t *unit;
    uint8_t *negative;
    uint8_t *asking; /* scratch of queries */
};

static size_t weights_words(const struct crowd *c)
{
    return c->plan.network.k * c->plan.network.n * (size_t)c->plan.network.planes;
}

static size_t inputs_words(const struct crowd *c)
{
    return c->plan.network.k * c->plan.network.n;
}

/* Logical word `index` of a column in an array of `words` words for each vector. */
static uint64_t *cell(const struct crowd *c, uint64_t *array, size_t words, size_t index,
                      size_t column)
{
    const size_t width = c->kernel->columns;
    return array + (column / width * words + index) * width + column % width;
}

static size_t lane_of_attackers(const struct crowd *c)
{
    return c->plan.strategy == CROWD_GENETIC ? 64 : 2;
}

/* The lanes of column `i` of a chunk that the first `size` attackers take. */
static uint64_t attackers_mask(const struct crowd *c, size_t i, size_t size)
{
    const size_t from = lane_of_attackers(c);
    const size_t to = from + size;
    const size_t low = i * 64 > from ? 0 : from - i * 64;
    const size_t high = to > i * 64 ? to - i * 64 : 0;
    if (low >= 64 || high <= low)
        return 0;
    const uint64_t below = high >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << high) - 1;
    return below & ~((UINT64_C(1) << low) - 1);
}

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

static void read_weights(const struct crowd *c, size_t column, unsigned bit, size_t first,
                         size_t count, int8_t *out)
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
    read_weights(c, c->chunk[pair].first + lane / 64, lane % 64, 0, inputs_words(c), weights);
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

/* ---- inputs ---- */

/* What the partner whose turn it is asks for, in the lanes of its chunk. */
static void query(struct crowd *c, struct chunk *chunk, size_t step)
{
    const struct network *net = &c->plan.network;
    const size_t words = c->plan.package * inputs_words(c);
    const unsigned asker = (unsigned)((c->clock - chunk->began + step) % 2);
    const size_t first = c->common ? 0 : chunk->first;
    const size_t count = c->common ? c->kernel->columns : c->chunk_columns;
    for (size_t i = 0; i < net->k; i++) {
        read_weights(c, chunk->first, asker, i * net->n, net->n, c->unit);
        ask_unit(c->unit, net->n, net->l, c->plan.field, &chunk->querier, c->asking, c->negative);
        for (size_t column = first; column < first + count; column++)
            for (size_t j = 0; j < net->n; j++)
                *cell(c, c->inputs[c->present], words, step * inputs_words(c) + i * net->n + j,
                      column) = 0 - (uint64_t)c->negative[j];
    }
}

static void make_inputs(struct crowd *c)
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

/* ---- evaluation ---- */

static uint64_t *output_of(const struct crowd *c, size_t step, size_t column)
{
    return cell(c, c->output, c->plan.package, step, column);
}

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

/* ---- the attackers' choice ---- */

static uint64_t *sigma_of(const struct crowd *c, size_t step, size_t unit, size_t column)
{
    const size_t k = c->plan.network.k;
    return cell(c, c->sigma, c->plan.package * k, step * k + unit, column);
}

/* sigma of a unit in internal representation `number` among those with output `positive`: the bits
 * of the number are the first k-1 signs, the last one follows. */
static int sign_in(size_t number, size_t unit, size_t k, int positive)
{
    if (unit + 1 < k)
        return (int)(number >> unit & 1);
    const int negatives = (int)(k - 1) - __builtin_popcountll(number);
    return (negatives & 1) ^ positive;
}

/* All attackers take the most frequent internal representation; of equals the first. */
static void vote(struct crowd *c, struct chunk *chunk, size_t step, int positive)
{
    const size_t k = c->plan.network.k;
    size_t best = 0;
    int most = -1;
    for (size_t number = 0; number >> (k - 1) == 0; number++) {
        int votes = 0;
        for (size_t i = 0; i < c->chunk_columns; i++) {
            uint64_t same = c->alive[chunk->first + i];
            for (size_t unit = 0; unit + 1 < k; unit++)
                same &= *sigma_of(c, step, unit, chunk->first + i) ^
                        (sign_in(number, unit, k, positive) ? 0 : ~UINT64_C(0));
            votes += __builtin_popcountll(same);
        }
        if (votes > most) {
            most = votes;
            best = number;
        }
    }
    for (size_t i = 0; i < c->chunk_columns; i++) {
        const uint64_t mask = c->alive[chunk->first + i];
        for (size_t unit = 0; unit < k; unit++) {
            uint64_t *sigma = sigma_of(c, step, unit, chunk->first + i);
            *sigma = sign_in(best, unit, k, positive) ? *sigma | mask : *sigma & ~mask;
        }
    }
}

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
        vote(c, chunk, step, positive);
    } else if (agree && c->plan.strategy == CROWD_GENETIC) {
        remember(c, chunk, step, positive);
        if (k > 1 && chunk->size << (k - 1) <= c->plan.attackers)
            branch(c, chunk, step, positive);
        else
            choose(c, chunk);
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
    make_inputs(c);
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
