# The kernels (kernel.h), and which of them a new bank runs on.

import os

from libc.string cimport strcmp

cdef extern from "kernel.h":
    int KERNEL_OVERREAD
    int KERNEL_WORDS
    struct geometry:
        shape shape
        int32_t steps
        size_t words
        size_t stride
        size_t unit_bytes
        size_t step_bytes
        size_t representation
        const int8_t *ones
    struct kernel:
        const char *name
    const kernel *const *kernel_choices() noexcept


def instruction_sets():
    names = []
    cdef const kernel *const *choice = kernel_choices()
    while choice[0] != NULL:
        names.append(choice[0].name.decode())
        choice += 1
    return tuple(names)


cdef const kernel *chosen_kernel() except NULL:
    """The best kernel, or the one that the environment names."""
    cdef const kernel *const *choice = kernel_choices()
    cdef bytes forced = os.environ.get("DYNAMICRYPT_CORE", "").encode()
    if not forced:
        return choice[0]
    while choice[0] != NULL:
        if strcmp(choice[0].name, forced) == 0:
            return choice[0]
        choice += 1
    raise ValueError(
        f"DYNAMICRYPT_CORE is {forced.decode()!r}, not one of {', '.join(instruction_sets())}"
    )
