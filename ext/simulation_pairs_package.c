/* One package of all machines of a group: inputs, evaluation, learning. */
#include "strict.h"

#include <string.h>

#include "simulation_pairs_state.h"
#include "simulation_query.h"

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

void pairs_look(struct pairs *p, size_t number)
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

void pairs_decide(struct pairs *p, size_t number)
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
