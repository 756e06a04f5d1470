/* The kernel in AVX-512: lanes are chosen by the bits of the inputs as they arrive. */
#include "strict.h"

#include "kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#pragma GCC target("avx512bw,avx512vl,bmi,bmi2")

#define LANES 16
#define NAME(name) name##_16
#include "lanes_avx512.h"
#include "kernel_wide.h"
#undef LANES
#undef NAME

#define LANES 32
#define NAME(name) name##_32
#include "lanes_avx512.h"
#include "kernel_wide.h"
#undef LANES
#undef NAME

#define LANES 64
#define NAME(name) name##_64
#include "lanes_avx512.h"
#include "kernel_wide.h"
#include "kernel_narrow.h"

static void evaluate(const struct geometry *geometry, const int8_t *weights, const uint8_t *inputs,
                     void *representation, uint64_t *tau)
{
    if (geometry->unit_bytes == 2)
        evaluate_narrow_64(geometry, weights, inputs, representation, tau);
    else if (geometry->stride == 16)
        evaluate_wide_16(geometry, weights, inputs, representation, tau);
    else if (geometry->stride == 32)
        evaluate_wide_32(geometry, weights, inputs, representation, tau);
    else
        evaluate_wide_64(geometry, weights, inputs, representation, tau);
}

static void learn(const struct geometry *geometry, int8_t *weights, const uint8_t *inputs,
                  const void *representation, const uint64_t *tau, const uint64_t *agreed)
{
    if (geometry->unit_bytes == 2)
        learn_narrow_64(geometry, weights, inputs, representation, tau, agreed);
    else if (geometry->stride == 16)
        learn_wide_16(geometry, weights, inputs, representation, tau, agreed);
    else if (geometry->stride == 32)
        learn_wide_32(geometry, weights, inputs, representation, tau, agreed);
    else
        learn_wide_64(geometry, weights, inputs, representation, tau, agreed);
}

const struct kernel kernel_avx512 = {"avx512", evaluate, learn};

#endif
