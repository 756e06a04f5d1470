/* A pair is run and recorded, and its record attacked by particles. */
#include "strict.h"

#include <math.h>
#include <string.h>

#include "simulation_drift.h"
#include "simulation_particle.h"
#include "simulation_scalar.h"

/* The last packages of a run, in a ring. */
struct record {
    int8_t *inputs; /* [packages][package][k*n] */
    int8_t *a, *b;  /* [packages][package] */
    size_t packages, package, size;
};

static size_t packages_of(uint64_t steps, size_t package)
{
    return (size_t)((steps + package - 1) / package);
}

static size_t size_of(const struct hunt *hunt)
{
    return (size_t)hunt->shape.k * (size_t)hunt->shape.n;
}

static size_t fields_of(const struct hunt *hunt)
{
    return 2 * (size_t)hunt->shape.n * (size_t)hunt->shape.l + 1;
}

static size_t recorded(const struct hunt *hunt)
{
    return packages_of(hunt->delay, hunt->package) + packages_of(hunt->recent, hunt->package) +
           packages_of(hunt->before, hunt->package);
}

size_t hunt_bytes(const struct hunt *hunt)
{
    const size_t eights = hunt->machines + hunt->package + 2 * fields_of(hunt);
    return eights * 8 + drift_floats(&hunt->shape) * sizeof(float) +
           recorded(hunt) * hunt->package * (size_of(hunt) + 2) +
           size_of(hunt) * (2 + 2 * hunt->machines);
}

static struct heard recall(const struct record *record, size_t number)
{
    const size_t at = number % record->packages * record->package;
    return (struct heard){
        .inputs = record->inputs + at * record->size,
        .a = record->a + at,
        .b = record->b + at,
        .steps = record->package,
    };
}

/* One package of the pair, kept in the record as number `number`. */
static void exchange(const struct shape *shape, struct record *record, size_t number, int8_t *a,
                     int8_t *b, struct numbers *numbers)
{
    const size_t at = number % record->packages * record->package;
    int8_t *inputs = record->inputs + at * record->size;
    uint64_t of_a[64];
    uint64_t of_b[64];
    scalar_inputs(inputs, record->package * record->size, numbers);
    for (size_t step = 0; step < record->package; step++) {
        of_a[step] = machine_represent(shape, a, inputs + step * record->size);
        of_b[step] = machine_represent(shape, b, inputs + step * record->size);
        record->a[at + step] = (int8_t)machine_output(of_a[step], shape->k);
        record->b[at + step] = (int8_t)machine_output(of_b[step], shape->k);
    }
    for (size_t step = 0; step < record->package; step++) {
        const int output = record->a[at + step];
        if (output != record->b[at + step])
            continue;
        machine_learn(shape, a, inputs + step * record->size, of_a[step], output);
        machine_learn(shape, b, inputs + step * record->size, of_b[step], output);
    }
}

static void follow(struct drift *drift, const struct heard *package, size_t size,
                   int64_t *followed)
{
    drift_open_package(drift);
    for (size_t step = 0; step < package->steps; step++)
        if (package->a[step] == package->b[step]) {
            drift_learn(drift, package->inputs + step * size, package->a[step]);
            ++*followed;
        }
}

static int32_t best_match(const struct particles *particles, const int8_t *a, size_t size)
{
    int32_t best = 0;
    for (size_t i = 0; i < particles->machines; i++) {
        int32_t matched = 0;
        for (size_t j = 0; j < size; j++)
            matched += particles->weights[i * size + j] == a[j];
        best = matched > best ? matched : best;
    }
    return best;
}

/* `met` and `end` are numbers of packages, at whose starts the partners had met and stopped. */
static void attack(const struct hunt *hunt, const struct record *record, size_t met, size_t end,
                   struct drift *drift, struct particles *particles, struct numbers *numbers,
                   struct quarry *quarry)
{
    const size_t recent = packages_of(hunt->recent, hunt->package);
    const size_t before = packages_of(hunt->before, hunt->package);
    const size_t start = met > recent ? met - recent : 0;
    for (size_t number = start > before ? start - before : 0; number < start; number++) {
        const struct heard heard = recall(record, number);
        follow(drift, &heard, record->size, &quarry->followed);
    }
    drift_sharpen(drift, hunt->sharpness);
    for (size_t i = 0; i < particles->machines; i++)
        drift_draw(drift, numbers, particles->weights + i * record->size);
    for (size_t number = start; number < end; number++) {
        const struct heard heard = recall(record, number);
        particles_listen(particles, &heard, numbers);
        quarry->work += (int64_t)(particles->machines * heard.steps);
        if (number + 1 < end)
            particles_select(particles, numbers);
    }
}

struct quarry hunt_run(const struct hunt *hunt, struct numbers *numbers, void *scratch)
{
    const struct shape *shape = &hunt->shape;
    const size_t size = size_of(hunt);
    double *doubles = scratch;
    struct particles particles = {
        .shape = shape,
        .machines = hunt->machines,
        .fewest = hunt->fewest,
        .share = hunt->share,
        .score = doubles,
        .flip = doubles + hunt->machines,
        .doubt = doubles + hunt->machines + fields_of(hunt),
        .moves = (uint64_t *)(doubles + hunt->machines + 2 * fields_of(hunt)),
    };
    float *floats = (float *)(particles.moves + hunt->package);
    int8_t *a = (int8_t *)(floats + drift_floats(shape));
    int8_t *b = a + size;
    particles.weights = b + size;
    particles.spare = particles.weights + hunt->machines * size;
    const size_t steps = recorded(hunt) * hunt->package;
    struct record record = {
        .inputs = particles.spare + hunt->machines * size,
        .packages = recorded(hunt),
        .package = hunt->package,
        .size = size,
    };
    record.a = record.inputs + steps * size;
    record.b = record.a + steps;
    struct drift drift;
    struct quarry quarry = {.steps = -1};
    scalar_draw(shape->l, a, 2 * size, numbers);
    size_t met = 0;
    size_t end = 0;
    for (;; end++) {
        if (quarry.steps < 0 && memcmp(a, b, size) == 0) {
            met = end;
            quarry.steps = (int64_t)(end * hunt->package);
        }
        if (quarry.steps < 0 ? end * hunt->package >= hunt->limit
                             : (end - met) * hunt->package >= hunt->delay)
            break;
        exchange(shape, &record, end, a, b, numbers);
    }
    if (quarry.steps < 0)
        return quarry;
    const double field = sqrt(shape->n * shape->l * (shape->l + 1) / 3.0);
    memset(particles.score, 0, hunt->machines * sizeof *particles.score);
    particles_certainty(&particles, hunt->flip * field, hunt->doubt * field);
    drift_start(&drift, shape, floats);
    attack(hunt, &record, met, end, &drift, &particles, numbers, &quarry);
    quarry.matched = best_match(&particles, a, size);
    return quarry;
}
