#include "strict.h"

#include <stdlib.h>
#include <string.h>

#include "simulation_pairs.h"
#include "simulation_query.h"

/* A redraw costs about five steps of a group, an idle lane 1/512 of each step. */
enum { REFILL_AT = 72 };

/* One vector of lanes; all arrays hold logical words. */
struct part {
    uint64_t *weights;      /* [machine][k][n][planes] */
    uint64_t *inputs[2];    /* [set][step][k][n] of the package before and of the present one */
    uint64_t *start;        /* [set][k][sums] */
    uint64_t *sums;         /* [k][sums] */
    uint64_t *sigma;        /* [step][machine][k]; after `decide` the moves */
    uint64_t *output;       /* [step][A, B]: bit set for +1 */
    uint64_t *turn;         /* [step] */
    uint64_t *rng;          /* [4] */
};

struct pairs {
    struct pairs_plan plan;
    const struct lane_kernel *kernel;
    size_t machines, sets, parts;
    int present; /* which of inputs[2] is of the present package */
    uint64_t *zero;   /* [k] */
    uint64_t *asking; /* scratch of queries */
    struct part part[GROUP_COLUMNS];
    struct numbers querier[GROUP_COLUMNS];
    uint64_t clock;         /* steps that all lanes have learnt */
    uint64_t began[GROUP_LANES];
    uint64_t differ[GROUP_COLUMNS];
    uint64_t done[GROUP_COLUMNS];   /* synchronised or given up, or never filled */
    uint64_t frozen[GROUP_COLUMNS]; /* done, and the delay is over */
    void *memory;
};

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

static uint64_t *machine_weights(const struct pairs *p, const struct part *part, size_t machine)
{
    const struct network *net = &p->plan.network;
    return part->weights +
           machine * net->k * net->n * (size_t)net->planes * p->kernel->columns;
}

/* The weights `first`.. of one lane, from planes. */
static void read_lane(const struct pairs *p, const uint64_t *weights, size_t column, unsigned bit,
                      size_t first, size_t count, int8_t *out)
{
    const int planes = p->plan.network.planes;
    const uint64_t *at = weights + first * (size_t)planes * p->kernel->columns + column;
    for (size_t j = 0; j < count; j++) {
        int u = 0;
        for (int plane = 0; plane < planes; plane++, at += p->kernel->columns)
            u |= (int)(*at >> bit & 1) << plane;
        out[j] = (int8_t)(u - (1 << (planes - 1)));
    }
}

void pairs_weights(const struct pairs *p, size_t machine, size_t lane, int8_t *weights)
{
    const size_t column = lane / 64;
    const struct part *part = &p->part[column / p->kernel->columns];
    read_lane(p, machine_weights(p, part, machine), column % p->kernel->columns, lane % 64, 0,
              p->plan.network.k * p->plan.network.n, weights);
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

/* ---- one package ---- */

/* Inputs that the partner whose turn it is chooses from its own weights. */
static void query(struct pairs *p, size_t number, size_t machine, uint64_t *inputs)
{
    const struct network *net = &p->plan.network;
    const size_t columns = p->kernel->columns;
    const uint64_t *weights = machine_weights(p, &p->part[number], machine);
    for (size_t i = 0; i < net->k; i++)
        ask_lanes(p->kernel, net, weights + i * net->n * (size_t)net->planes * columns,
                  p->plan.field, &p->querier[number * columns], p->part[number].rng, p->asking,
                  inputs + i * net->n * columns);
}

struct step {
    const uint64_t *x, *move, *turn;
};

/* The learning of step `step` of the package before, for one machine. */
static struct step learning(const struct pairs *p, const struct part *part, size_t set,
                            size_t machine, size_t step)
{
    const size_t columns = p->kernel->columns;
    const struct network *net = &p->plan.network;
    return (struct step){
        part->inputs[!p->present] + (set * p->plan.package + step) * net->k * net->n * columns,
        part->sigma + (step * p->machines + machine) * net->k * columns,
        part->turn + step * columns,
    };
}

/* Learns the package before, all but its last step, and that too if it is not to be fused. */
static void learn_ahead(struct pairs *p, struct part *part, int fused)
{
    const struct network *net = &p->plan.network;
    for (size_t step = 0; step + (fused ? 1 : 0) < p->plan.package; step++)
        for (size_t machine = 0; machine < p->machines; machine++) {
            const size_t set = machine < 2 ? 0 : p->sets - 1;
            const struct step s = learning(p, part, set, machine, step);
            p->kernel->pass(net, machine_weights(p, part, machine), s.x, s.x, part->start, s.move,
                            s.turn, part->sums);
        }
}

static void xor_units(const struct network *net, size_t columns, const uint64_t *sigma,
                      uint64_t *output)
{
    for (size_t column = 0; column < columns; column++)
        output[column] = 0 - (uint64_t)(1 & ~net->k); /* the product is +1 if no unit is -1 */
    for (size_t i = 0; i < net->k; i++)
        for (size_t column = 0; column < columns; column++)
            output[column] ^= sigma[i * columns + column];
}

/* Evaluates step `step` for all machines, after the last learning if `fused`. */
static void evaluate(struct pairs *p, struct part *part, size_t step, int fused, uint64_t *differ)
{
    const struct network *net = &p->plan.network;
    const struct lane_kernel *kernel = p->kernel;
    const size_t columns = kernel->columns;
    const size_t kn = net->k * net->n;
    const size_t sums = (size_t)net->sums;
    for (size_t set = 0; set < p->sets; set++)
        kernel->tally(net, part->inputs[p->present] + (set * p->plan.package + step) * kn * columns,
                      part->start + set * net->k * sums * columns);
    for (size_t machine = 0; machine < p->machines; machine++) {
        const size_t set = machine < 2 ? 0 : p->sets - 1;
        const uint64_t *x =
            part->inputs[p->present] + (set * p->plan.package + step) * kn * columns;
        const uint64_t *start = part->start + set * net->k * sums * columns;
        uint64_t *weights = machine_weights(p, part, machine);
        const struct step s = fused ? learning(p, part, set, machine, p->plan.package - 1)
                                    : (struct step){x, p->zero, p->zero};
        if (machine == 1 && step == 0)
            kernel->pass_compare(net, weights, s.x, x, start, s.move, s.turn, part->sums,
                                 machine_weights(p, part, 0), differ);
        else
            kernel->pass(net, weights, s.x, x, start, s.move, s.turn, part->sums);
        /* The moves that stood here are learnt by now, for all steps but the last of a package,
         * and that one is learnt while the first is evaluated. */
        uint64_t *sigma = part->sigma + (step * p->machines + machine) * net->k * columns;
        if (machine >= 2 && p->plan.geometric)
            kernel->correct(net, part->sums, part->output + step * 2 * columns, sigma);
        else
            for (size_t i = 0; i < net->k; i++)
                memcpy(sigma + i * columns, part->sums + (i * sums + sums - 1) * columns,
                       columns * sizeof *sigma);
        if (machine < 2)
            xor_units(net, columns, sigma, part->output + (step * 2 + machine) * columns);
    }
}

static void look(struct pairs *p, size_t number)
{
    struct part *part = &p->part[number];
    const struct network *net = &p->plan.network;
    const size_t kn = net->k * net->n;
    const size_t columns = p->kernel->columns;
    uint64_t *x = part->inputs[p->present];
    const int fused = p->plan.field <= 0;
    learn_ahead(p, part, fused);
    if (fused) {
        p->kernel->draw(part->rng, x, p->sets * p->plan.package * kn);
    } else {
        for (size_t step = 0; step < p->plan.package; step++)
            query(p, number, (p->clock + step) % 2, x + step * kn * columns);
        if (p->sets > 1)
            p->kernel->draw(part->rng, x + p->plan.package * kn * columns, p->plan.package * kn);
    }
    for (size_t step = 0; step < p->plan.package; step++)
        evaluate(p, part, step, fused && step == 0, p->differ + number * columns);
}

/* Turns the signs of the package into moves, save in frozen lanes. */
static void decide(struct pairs *p, size_t number)
{
    struct part *part = &p->part[number];
    const struct network *net = &p->plan.network;
    const size_t columns = p->kernel->columns;
    const uint64_t *frozen = p->frozen + number * columns;
    for (size_t step = 0; step < p->plan.package; step++) {
        const uint64_t *a = part->output + step * 2 * columns;
        const uint64_t *b = a + columns;
        uint64_t *turn = part->turn + step * columns;
        uint64_t *moves = part->sigma + step * p->machines * net->k * columns;
        uint64_t agree[GROUP_COLUMNS];
        for (size_t column = 0; column < columns; column++) {
            agree[column] = ~(a[column] ^ b[column]) & ~frozen[column];
            turn[column] = p->plan.rule == LEARN_HEBBIAN        ? ~a[column]
                           : p->plan.rule == LEARN_ANTI_HEBBIAN ? a[column]
                                                                : 0;
        }
        for (size_t i = 0; i < p->machines * net->k; i++)
            for (size_t column = 0; column < columns; column++)
                moves[i * columns + column] =
                    ~(moves[i * columns + column] ^ a[column]) & agree[column];
    }
}

/* ---- lanes ---- */

/* Fresh machines in the lanes of `mask`; they start with the next package. */
static void redraw(struct pairs *p, const uint64_t *mask)
{
    const size_t columns = p->kernel->columns;
    const size_t moves = p->plan.package * p->machines * p->plan.network.k;
    for (size_t number = 0; number < p->parts; number++) {
        struct part *part = &p->part[number];
        const uint64_t *lanes = mask + number * columns;
        for (size_t machine = 0; machine < p->machines; machine++)
            p->kernel->redraw(&p->plan.network, machine_weights(p, part, machine), lanes,
                              part->rng);
        for (size_t i = 0; i < moves; i++)
            for (size_t column = 0; column < columns; column++)
                part->sigma[i * columns + column] &= ~lanes[column];
    }
}

struct runs {
    const struct pairs_results *results;
    uint64_t asked, started, active;
    uint64_t run[GROUP_LANES]; /* the number of the run in a lane */
    uint64_t due[GROUP_LANES]; /* when a lane that is done is to be frozen */
    uint64_t next_due, next_limit;
};

static void report_attackers(struct pairs *p, struct runs *runs, const uint64_t *mask)
{
    const struct network *net = &p->plan.network;
    const size_t columns = p->kernel->columns;
    int counters = 4;
    while (net->k * net->n >> counters)
        counters++;
    _Alignas(64) uint64_t count[MAX_SUMS * GROUP_COLUMNS];
    for (size_t number = 0; number < p->parts; number++)
        for (size_t attacker = 0; attacker < p->plan.attackers; attacker++) {
            const struct part *part = &p->part[number];
            p->kernel->matches(net, machine_weights(p, part, 0),
                               machine_weights(p, part, 2 + attacker), count, counters);
            for (size_t column = 0; column < columns; column++)
                for (uint64_t bits = mask[number * columns + column]; bits; bits &= bits - 1) {
                    const unsigned bit = (unsigned)__builtin_ctzll(bits);
                    const size_t lane = (number * columns + column) * 64 + bit;
                    if (runs->run[lane] == UINT64_MAX)
                        continue;
                    int32_t matched = 0;
                    for (int plane = 0; plane < counters; plane++)
                        matched |= (int32_t)(count[(size_t)plane * columns + column] >> bit & 1)
                                   << plane;
                    runs->results->matched[runs->run[lane] * p->plan.attackers + attacker] =
                        matched;
                }
        }
}

/* Reports the frozen lanes and gives them the next runs. The runs of a column are in the order of
 * its lanes, so that they do not depend on the instruction set. */
static void refill(struct pairs *p, struct runs *runs, int first)
{
    const struct network *net = &p->plan.network;
    uint64_t mask[GROUP_COLUMNS];
    memcpy(mask, p->frozen, sizeof mask);
    if (!first) {
        if (runs->results->matched && p->plan.attackers)
            report_attackers(p, runs, mask);
        if (runs->results->weights)
            for (size_t lane = 0; lane < GROUP_LANES; lane++)
                if (mask[lane / 64] >> (lane % 64) & 1 && runs->run[lane] != UINT64_MAX)
                    pairs_weights(p, 0, lane,
                                  runs->results->weights + runs->run[lane] * net->k * net->n);
    }
    runs->next_limit = UINT64_MAX;
    for (size_t lane = 0; lane < GROUP_LANES; lane++) {
        const uint64_t bit = UINT64_C(1) << (lane % 64);
        if (mask[lane / 64] & bit) {
            if (runs->started < runs->asked) {
                runs->run[lane] = runs->started++;
                p->began[lane] = first ? 0 : p->clock + p->plan.package;
                p->done[lane / 64] &= ~bit;
                p->frozen[lane / 64] &= ~bit;
                runs->active++;
            } else {
                runs->run[lane] = UINT64_MAX;
                mask[lane / 64] &= ~bit;
            }
        }
        if (!(p->done[lane / 64] & bit) && p->began[lane] + p->plan.limit < runs->next_limit)
            runs->next_limit = p->began[lane] + p->plan.limit;
    }
    redraw(p, mask);
}

static void finish(struct pairs *p, struct runs *runs, size_t lane, int64_t steps)
{
    if (runs->results->steps)
        runs->results->steps[runs->run[lane]] = steps;
    p->done[lane / 64] |= UINT64_C(1) << (lane % 64);
    runs->due[lane] = p->clock + (steps < 0 ? 0 : p->plan.delay);
    if (runs->due[lane] < runs->next_due)
        runs->next_due = runs->due[lane];
}

/* After a look: which lanes have synchronised, which have come to the limit, which to freeze. */
static void check(struct pairs *p, struct runs *runs)
{
    for (size_t column = 0; column < GROUP_COLUMNS; column++)
        for (uint64_t bits = ~p->differ[column] & ~p->done[column]; bits; bits &= bits - 1) {
            const size_t lane = column * 64 + (size_t)__builtin_ctzll(bits);
            finish(p, runs, lane, (int64_t)(p->clock - p->began[lane]));
        }
    if (p->clock >= runs->next_limit) {
        runs->next_limit = UINT64_MAX;
        for (size_t lane = 0; lane < GROUP_LANES; lane++) {
            if (p->done[lane / 64] >> (lane % 64) & 1)
                continue;
            const uint64_t limit = p->began[lane] + p->plan.limit;
            if (p->clock >= limit)
                finish(p, runs, lane, -1);
            else if (limit < runs->next_limit)
                runs->next_limit = limit;
        }
    }
    if (p->clock >= runs->next_due) {
        runs->next_due = UINT64_MAX;
        for (size_t lane = 0; lane < GROUP_LANES; lane++) {
            const uint64_t bit = UINT64_C(1) << (lane % 64);
            if (!(p->done[lane / 64] & bit) || p->frozen[lane / 64] & bit)
                continue;
            if (p->clock >= runs->due[lane]) {
                p->frozen[lane / 64] |= bit;
                runs->active--;
            } else if (runs->due[lane] < runs->next_due) {
                runs->next_due = runs->due[lane];
            }
        }
    }
}

static int is_idle(const struct pairs *p, size_t number)
{
    uint64_t all = ~UINT64_C(0);
    for (size_t column = 0; column < p->kernel->columns; column++)
        all &= p->frozen[number * p->kernel->columns + column];
    return all == ~UINT64_C(0);
}

void pairs_run(struct pairs *p, uint64_t count, const struct pairs_results *results)
{
    struct runs runs = {.results = results, .asked = count, .next_due = UINT64_MAX};
    refill(p, &runs, 1);
    for (;;) {
        const int exhausted = runs.started == runs.asked;
        for (size_t number = 0; number < p->parts; number++)
            if (!exhausted || !is_idle(p, number))
                look(p, number);
        check(p, &runs);
        for (size_t number = 0; number < p->parts; number++)
            decide(p, number);
        if (!runs.active && exhausted)
            break;
        if (GROUP_LANES - runs.active >= REFILL_AT && !exhausted)
            refill(p, &runs, 0);
        p->clock += p->plan.package;
        p->present = !p->present;
    }
    refill(p, &runs, 0);
}

void pairs_fill(struct pairs *p)
{
    uint64_t all[GROUP_COLUMNS];
    memset(all, 0xff, sizeof all);
    redraw(p, all);
    memset(p->done, 0, sizeof p->done);
    memset(p->frozen, 0, sizeof p->frozen);
}

void pairs_advance(struct pairs *p)
{
    for (size_t number = 0; number < p->parts; number++) {
        look(p, number);
        decide(p, number);
    }
    p->clock += p->plan.package;
    p->present = !p->present;
}
