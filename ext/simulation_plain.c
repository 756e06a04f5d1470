/* The kernels on plain 64-bit words. */
#include "strict.h"

#include <stdint.h>

typedef uint64_t word;
typedef uint64_t stored_word;
#define COLUMNS 1
#define KERNEL lane_kernel_plain
#define NAME "plain"
#define SPLAT(i) ((uint64_t)(i))
#define ANY(w) ((w) != 0)
#define NONZERO(w) (0 - (uint64_t)((w) != 0))
#define ROTATE(w, r) ((w) << (r) | (w) >> (64 - (r)))
#include "simulation_logic.h"

#include "simulation_kernel.h"
