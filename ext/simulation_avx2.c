/* The kernels on 256-bit vectors. */
#include "strict.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,bmi,bmi2")
#include <immintrin.h>
#include <stdint.h>

typedef uint64_t word __attribute__((vector_size(32)));
typedef uint64_t stored_word __attribute__((vector_size(32), may_alias, aligned(8)));
#define COLUMNS 4
#define BMI2
#define KERNEL lane_kernel_avx2
#define NAME "avx2"
#define SPLAT(i) ((word)_mm256_set1_epi64x((long long)(i)))
#define ANY(w) (!_mm256_testz_si256((__m256i)(w), (__m256i)(w)))
#define NONZERO(w) ((word)((w) != SPLAT(0)))
#define ROTATE(w, r) ((w) << (r) | (w) >> (64 - (r)))
#include "simulation_logic.h"

#include "simulation_kernel.h"
#else
typedef int no_avx2_here;
#endif
