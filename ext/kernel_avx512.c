/* The kernel in AVX-512: lanes are chosen by the bits of the inputs as they arrive. */
#include "strict.h"

#include "kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#pragma GCC target("avx512bw,avx512vl,bmi,bmi2,lzcnt,popcnt")

#define LANES 16
#define NAME(name) name##_16
#include "lanes_avx512.h"
#include "kernel_body.h"
#undef LANES
#undef NAME

#define LANES 32
#define NAME(name) name##_32
#include "lanes_avx512.h"
#include "kernel_body.h"
#undef LANES
#undef NAME

#define LANES 64
#define NAME(name) name##_64
#include "lanes_avx512.h"
#include "kernel_body.h"

static void evaluate(const struct geometry *geometry, const int8_t *weights, const uint8_t *inputs,
                     uint64_t *representation)
{
    switch (geometry->stride) {
    case 16:
        evaluate_16(geometry, weights, inputs, representation);
        break;
    case 32:
        evaluate_32(geometry, weights, inputs, representation);
        break;
    default:
        evaluate_64(geometry, weights, inputs, representation);
    }
}

static void learn(const struct geometry *geometry, int8_t *weights, const uint8_t *inputs,
                  const uint64_t *representation, const uint64_t *tau, const uint64_t *agreed)
{
    switch (geometry->stride) {
    case 16:
        learn_16(geometry, weights, inputs, representation, tau, agreed);
        break;
    case 32:
        learn_32(geometry, weights, inputs, representation, tau, agreed);
        break;
    default:
        learn_64(geometry, weights, inputs, representation, tau, agreed);
    }
}

const struct kernel kernel_avx512 = {"avx512", evaluate, learn};

#endif
