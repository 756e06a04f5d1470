/* The kernel in AVX2. */
#include "strict.h"

#include "kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")

#define LANES 16
#define NAME(name) name##_16
#include "lanes_avx2.h"
#include "kernel_body.h"
#undef LANES
#undef NAME

#define LANES 32
#define NAME(name) name##_32
#include "lanes_avx2.h"
#include "kernel_body.h"

static void evaluate(const struct geometry *geometry, const int8_t *weights, const uint8_t *inputs,
                     uint64_t *representation)
{
    if (geometry->stride == 16)
        evaluate_16(geometry, weights, inputs, representation);
    else
        evaluate_32(geometry, weights, inputs, representation);
}

static void learn(const struct geometry *geometry, int8_t *weights, const uint8_t *inputs,
                  const uint64_t *representation, const uint64_t *tau, const uint64_t *agreed)
{
    if (geometry->stride == 16)
        learn_16(geometry, weights, inputs, representation, tau, agreed);
    else
        learn_32(geometry, weights, inputs, representation, tau, agreed);
}

const struct kernel kernel_avx2 = {"avx2", evaluate, learn};

#endif
