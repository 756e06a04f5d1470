/* The kernels on 512-bit vectors, where one instruction is any function of three bits. */
#include "strict.h"

#if defined(__x86_64__)
#pragma GCC target("avx512f,bmi,bmi2")
#include <immintrin.h>
#include <stdint.h>

typedef uint64_t word __attribute__((vector_size(64)));
typedef uint64_t stored_word __attribute__((vector_size(64), may_alias, aligned(8)));
#define COLUMNS 8
#define BMI2
#define KERNEL lane_kernel_avx512
#define NAME "avx512"
#define SPLAT(i) ((word)_mm512_set1_epi64((long long)(i)))
#define ANY(w) (_mm512_test_epi64_mask((__m512i)(w), (__m512i)(w)) != 0)
#define NONZERO(w)                                                                               \
    ((word)_mm512_maskz_set1_epi64(_mm512_test_epi64_mask((__m512i)(w), (__m512i)(w)), -1))
#define ROTATE(w, r) ((word)_mm512_rol_epi64((__m512i)(w), r))
/* The last argument is the truth table, read with a as the highest bit. */
#define LOGIC3(a, b, c, table)                                                                    \
    ((word)_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), table))
#define XOR3(a, b, c) LOGIC3(a, b, c, 0x96)
#define MAJ(a, b, c) LOGIC3(a, b, c, 0xe8)
#define AND_XOR(a, b, c) LOGIC3(a, b, c, 0x60)
#define OR_XOR(a, b, c) LOGIC3(a, b, c, 0xf6)
#define SELECT(mask, yes, no) LOGIC3(mask, yes, no, 0xca)

#include "simulation_kernel.h"
#else
typedef int no_avx512_here;
#endif
