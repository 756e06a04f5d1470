/* Evaluation and learning of whole packages for one machine: the same in every instruction set.

   Weights are kept unit by unit, each unit padded with zeros to `stride` bytes. Inputs are bits, as
   they travel: `unit_bytes` for each unit of a step, 1 for +1, the least significant bit first; the
   bits beyond N may hold anything. Inputs must stay readable for KERNEL_OVERREAD bytes beyond their
   end.

   A plane is a bit for each step of the package, in words of 64 steps; those beyond the last step
   are zero. How internal representations are kept between evaluation and learning is the kernel's
   own affair; they take `representation` bytes, which start as zeros. */
#ifndef DYNAMICRYPT_KERNEL_H
#define DYNAMICRYPT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"

enum {
    KERNEL_OVERREAD = 256, /* a step of 64 units of 16 inputs, and a vector */
    KERNEL_WORDS = 16 /* of a plane at most: packages end at 1024 steps */
};

struct geometry {
    struct shape shape;
    int32_t steps;      /* B, the steps of a package */
    size_t words;       /* of a plane: ceil(B/64) */
    size_t stride;      /* bytes of a unit's weights: 16, 32, or a multiple of 64 */
    size_t unit_bytes;  /* ceil(N/8) */
    size_t step_bytes;  /* K*unit_bytes */
    size_t representation;
    const int8_t *ones; /* `stride` bytes: 1 for each of the N weights, 0 in the padding */
};

struct kernel {
    const char *name;
    /* Keeps the internal representations of all steps for the weights as they are, and writes the
       plane of the outputs, set where tau = +1. `weights` is aligned to 64. */
    void (*evaluate)(const struct geometry *geometry, const int8_t *weights, const uint8_t *inputs,
                     void *representation, uint64_t *tau);
    /* Applies the steps in the plane `agreed` in order: the units whose sigma equals tau move. */
    void (*learn)(const struct geometry *geometry, int8_t *weights, const uint8_t *inputs,
                  const void *representation, const uint64_t *tau, const uint64_t *agreed);
};

/* The steps in word number `word` of a plane, as the low bits of a word. */
static inline uint64_t plane_mask(const struct geometry *geometry, size_t word)
{
    const size_t left = (size_t)geometry->steps - 64 * word;
    return left < 64 ? (UINT64_C(1) << left) - 1 : ~UINT64_C(0);
}

/* For each step whether the moved weights change against the input, as a plane: for output tau the
   rules add tau*x (Hebbian), -tau*x (anti-Hebbian) or x (random walk). */
static inline uint64_t plane_flips(const struct geometry *geometry, uint64_t tau)
{
    switch (geometry->shape.rule) {
    case RULE_HEBBIAN:
        return ~tau;
    case RULE_ANTI_HEBBIAN:
        return tau;
    default:
        return 0;
    }
}

extern const struct kernel kernel_plain;
#if defined(__x86_64__)
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx512;
#endif

/* The kernels that this processor can run, best first, ended by NULL; at most 3. */
const struct kernel *const *kernel_choices(void);

#endif
