/* What is the same for every instruction set: shapes, streams, and the choice of kernels. */
#include "strict.h"

#include "simulation.h"

extern const struct lane_kernel lane_kernel_plain;
#if defined(__x86_64__)
extern const struct lane_kernel lane_kernel_sse2, lane_kernel_avx2, lane_kernel_avx512;
#endif

struct network network_of(size_t k, size_t n, int l)
{
    struct network network = {.k = k, .n = n, .l = l, .planes = 2};
    while (1 << network.planes <= 2 * l)
        network.planes++;
    network.sums = 1;
    while ((size_t)1 << (network.sums - 1) < n * (size_t)l + 1)
        network.sums++;
    /* `absorb` in the kernels saves carries over three planes above the weights'. */
    if (network.sums < network.planes + 3)
        network.sums = network.planes + 3;
    return network;
}

const struct lane_kernel *const *lane_kernels(void)
{
    static const struct lane_kernel *const all[] = {
#if defined(__x86_64__)
        &lane_kernel_avx512, &lane_kernel_avx2, &lane_kernel_sse2,
#endif
        &lane_kernel_plain, NULL,
    };
    const struct lane_kernel *const *best = all;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("avx2"))
        best += 2;
    else if (!__builtin_cpu_supports("avx512f"))
        best += 1;
#endif
    return best;
}

/* splitmix64 (Steele, Lea, Flood 2014): every state has its own output, none is all zero twice. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void seed_stream(uint64_t key, uint64_t number, uint64_t *state, size_t stride)
{
    uint64_t chain = number;
    uint64_t seed = key ^ mix(&chain);
    for (size_t i = 0; i < 4; i++)
        state[i * stride] = mix(&seed);
}
