/* Evaluation and learning of whole packages for one machine: the same in every instruction set.

   Weights are kept unit by unit, each unit padded with zeros to `stride` bytes. Inputs are bits, as
   they travel: `unit_bytes` for each unit of a step, 1 for +1, the least significant bit first; the
   bits beyond N may hold anything. Inputs must stay readable for KERNEL_OVERREAD bytes beyond their
   end.

   A plane is a bit for each step of the package, in words of 64 steps. The internal representation
   is one plane for each unit, set where sigma = +1. */
#ifndef DYNAMICRYPT_KERNEL_H
#define DYNAMICRYPT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"

enum {
    KERNEL_OVERREAD = 64,
    KERNEL_WORDS = 16 /* of a plane at most: packages end at 1024 steps */
};

struct geometry {
    struct shape shape;
    int32_t steps;      /* B, the steps of a package */
    size_t words;       /* of a plane: ceil(B/64) */
    size_t stride;      /* bytes of a unit's weights: 16, 32, or a multiple of 64 */
    size_t unit_bytes;  /* ceil(N/8) */
    size_t step_bytes;  /* K*unit_bytes */
    const int8_t *ones; /* `stride` bytes: 1 for each of the N weights, 0 in the padding */
};

struct kernel {
    const char *name;
    /* Writes the planes of the internal representations of all steps for the weights as they are;
       bits beyond the last step are zero. */
    void (*evaluate)(const struct geometry *geometry, const int8_t *weights, const uint8_t *inputs,
                     uint64_t *representation);
    /* Applies the steps in `agreed` in order: the units whose sigma equals tau move. `tau` and
       `agreed` are planes. */
    void (*learn)(const struct geometry *geometry, int8_t *weights, const uint8_t *inputs,
                  const uint64_t *representation, const uint64_t *tau, const uint64_t *agreed);
};

extern const struct kernel kernel_plain;
#if defined(__x86_64__)
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx512;
#endif

/* The kernels that this processor can run, best first, ended by NULL; at most 3. */
const struct kernel *const *kernel_choices(void);

#endif
