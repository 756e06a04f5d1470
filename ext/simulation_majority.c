#include "strict.h"

#include "simulation_crowd_state.h"

/* All attackers take the most frequent internal representation; of equals the first. */
void crowd_vote(struct crowd *c, struct chunk *chunk, size_t step, int positive)
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
