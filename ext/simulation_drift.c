#include "strict.h"

#include <math.h>

#include "simulation_drift.h"

static size_t values_of(const struct shape *shape)
{
    return 2 * (size_t)shape->l + 1;
}

static size_t weights_of(const struct shape *shape)
{
    return (size_t)shape->k * (size_t)shape->n;
}

size_t drift_floats(const struct shape *shape)
{
    return (values_of(shape) + 4) * weights_of(shape);
}

void drift_start(struct drift *drift, const struct shape *shape, float *floats)
{
    const size_t all = values_of(shape) * weights_of(shape);
    drift->shape = shape;
    drift->chance = floats;
    drift->mean = floats + all;
    drift->up = drift->mean + weights_of(shape);
    drift->down = drift->up + weights_of(shape);
    drift->carried = drift->down + weights_of(shape);
    for (size_t i = 0; i < all; i++)
        drift->chance[i] = 1 / (float)values_of(shape);
}

void drift_open_package(struct drift *drift)
{
    const size_t n = (size_t)drift->shape->n;
    const size_t size = weights_of(drift->shape);
    for (size_t unit = 0; unit < (size_t)drift->shape->k; unit++) {
        double variance = 0;
        for (size_t j = unit * n; j < (unit + 1) * n; j++) {
            float first = 0;
            float second = 0;
            for (size_t v = 0; v < values_of(drift->shape); v++) {
                const float w = (float)((int32_t)v - drift->shape->l);
                first += drift->chance[v * size + j] * w;
                second += drift->chance[v * size + j] * w * w;
            }
            drift->mean[j] = first;
            variance += (double)(second - first * first);
        }
        drift->spread[unit] = sqrt(variance < 1e-6 ? 1e-6 : variance);
    }
}

/* The mean of a unit's field; in eight parts, so that it can be summed side by side. */
static double field_of(const float *mean, const int8_t *inputs, size_t n)
{
    float part[8] = {0};
    size_t j = 0;
    for (; j + 8 <= n; j += 8)
        for (size_t p = 0; p < 8; p++)
            part[p] += inputs[j + p] > 0 ? mean[j + p] : -mean[j + p];
    for (; j < n; j++)
        part[0] += inputs[j] > 0 ? mean[j] : -mean[j];
    float sum = 0;
    for (size_t p = 0; p < 8; p++)
        sum += part[p];
    return (double)sum;
}

/* All weights move by what `up` and `down` say; at the ends what would move on stays. */
static void move(const struct drift *drift)
{
    const size_t size = weights_of(drift->shape);
    const size_t top = values_of(drift->shape) - 1;
    const float *restrict up = drift->up;
    const float *restrict down = drift->down;
    float *restrict carried = drift->carried; /* what comes up from the value below */
    float *restrict here = drift->chance;
    for (size_t j = 0; j < size; j++) {
        carried[j] = here[j] * up[j];
        here[j] += here[j + size] * down[j] - carried[j];
    }
    for (size_t v = 1; v < top; v++) {
        here += size;
        for (size_t j = 0; j < size; j++) {
            const float old = here[j];
            here[j] = old * (1 - up[j] - down[j]) + carried[j] + here[j + size] * down[j];
            carried[j] = old * up[j];
        }
    }
    here += size;
    for (size_t j = 0; j < size; j++)
        here[j] += carried[j] - here[j] * down[j];
}

void drift_learn(const struct drift *drift, const int8_t *inputs, int output)
{
    const size_t k = (size_t)drift->shape->k;
    const size_t n = (size_t)drift->shape->n;
    double sign[64]; /* expected sigma */
    for (size_t i = 0; i < k; i++) {
        const double field = field_of(drift->mean + i * n, inputs + i * n, n) - 0.5;
        sign[i] = erf(field / drift->spread[i] / sqrt(2));
    }
    const int direction = drift->shape->rule == RULE_HEBBIAN        ? output
                          : drift->shape->rule == RULE_ANTI_HEBBIAN ? -output
                                                                    : 1;
    for (size_t i = 0; i < k; i++) {
        double rest = 1;
        for (size_t other = 0; other < k; other++)
            if (other != i)
                rest *= sign[other];
        const double moves = (1 + output * sign[i]) * (1 + rest);
        const double stays = (1 - output * sign[i]) * (1 - rest);
        const double total = moves + stays;
        const float chance = total > 0 ? (float)(moves / total) : 0.5F;
        for (size_t j = i * n; j < (i + 1) * n; j++) {
            drift->up[j] = direction * inputs[j] > 0 ? chance : 0;
            drift->down[j] = chance - drift->up[j];
        }
    }
    move(drift);
}

void drift_sharpen(struct drift *drift, float sharpness)
{
    const size_t size = weights_of(drift->shape);
    for (size_t j = 0; j < size; j++) {
        float total = 0;
        for (size_t v = 0; v < values_of(drift->shape); v++) {
            float *chance = &drift->chance[v * size + j];
            *chance = powf(*chance, sharpness);
            total += *chance;
        }
        for (size_t v = 0; v < values_of(drift->shape); v++)
            drift->chance[v * size + j] /= total;
    }
}

void drift_draw(const struct drift *drift, struct numbers *numbers, int8_t *weights)
{
    const size_t size = weights_of(drift->shape);
    const size_t top = values_of(drift->shape) - 1;
    for (size_t j = 0; j < size; j++) {
        float left = (float)uniform_number(numbers);
        size_t v = 0;
        while (v < top && left >= drift->chance[v * size + j])
            left -= drift->chance[v++ * size + j];
        weights[j] = (int8_t)((int32_t)v - drift->shape->l);
    }
}
