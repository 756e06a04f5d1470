/* The kernels on 128-bit vectors. */
#include "strict.h"

#if defined(__x86_64__)
#include <stdint.h>

typedef uint64_t word __attribute__((vector_size(16)));
typedef uint64_t stored_word __attribute__((vector_size(16), may_alias, aligned(8)));
#define COLUMNS 2
#define KERNEL lane_kernel_sse2
#define NAME "sse2"
#define SPLAT(i) ((word){(uint64_t)(i), (uint64_t)(i)})
#define ANY(w) (((w)[0] | (w)[1]) != 0)
#define NONZERO(w) ((word)((w) != SPLAT(0)))
#define ROTATE(w, r) ((w) << (r) | (w) >> (64 - (r)))
#include "simulation_logic.h"

#include "simulation_kernel.h"
#else
typedef int no_sse2_here;
#endif
