#include "strict.h"

#include <string.h>

#include "simulation_pairs_state.h"

/* A redraw costs about five steps of a group, an idle lane 1/512 of each step. */
enum { REFILL_AT = 72 };

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
                pairs_look(p, number);
        check(p, &runs);
        for (size_t number = 0; number < p->parts; number++)
            pairs_decide(p, number);
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
        pairs_look(p, number);
        pairs_decide(p, number);
    }
    p->clock += p->plan.package;
    p->present = !p->present;
}
