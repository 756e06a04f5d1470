#include "strict.h"

#include <math.h>

#include "simulation_query.h"

void query_unit(const int8_t *weights, size_t n, int l, double field, struct numbers *numbers,
                uint8_t *negative)
{
    uint32_t left[128] = {0};    /* inputs of each size that are not chosen yet */
    uint32_t aligned[128] = {0}; /* those among them that shall have the weight's sign */
    for (size_t j = 0; j < n; j++)
        left[weights[j] < 0 ? -weights[j] : weights[j]]++;
    double rest = number_below(numbers, 2) ? field : -field;
    for (int size = l; size > 0; size--) {
        const double share = rest / (2 * size);
        const double count = (double)left[size];
        double number = number_below(numbers, 2) ? floor((count + 1) / 2 + share)
                                                 : ceil((count - 1) / 2 + share);
        number = number < 0 ? 0 : number > count ? count : number;
        aligned[size] = (uint32_t)number;
        rest -= size * (2 * number - count);
    }
    for (size_t j = 0; j < n; j++) {
        const int size = weights[j] < 0 ? -weights[j] : weights[j];
        if (size == 0) {
            negative[j] = number_below(numbers, 2) == 0;
            continue;
        }
        const int chosen = number_below(numbers, left[size]) < aligned[size];
        left[size]--;
        aligned[size] -= (uint32_t)chosen;
        negative[j] = chosen == (weights[j] < 0);
    }
}
