# What bank.h and query.h declare.

from libc.stdint cimport uint32_t

cdef extern from "bank.h":
    struct member:
        uint64_t run
        uint64_t steps
        uint64_t agreements
        uint32_t packages
        bint active
        bint pending
    struct bank:
        geometry geometry
        const kernel *kernel
        size_t machines
        size_t machine_bytes
        size_t machine_stride
        size_t active
        member *members
        int8_t *weights
        uint8_t *representations
        uint8_t *inputs
        uint64_t *taus
        uint8_t *outputs
        int32_t *evaluated
        size_t evaluated_count
        bint waiting
    void geometry_complete(geometry *) noexcept
    void bank_complete(bank *) noexcept
    void bank_activate(bank *, size_t, bint) noexcept
    size_t bank_output_bytes(const bank *, size_t) noexcept
    void bank_counter_blocks(const bank *, uint8_t *) noexcept nogil
    void bank_evaluate(bank *) noexcept nogil
    bint bank_padding_is_zero(const bank *, const uint8_t *) noexcept
    void bank_learn(
        bank *, const uint8_t *, uint64_t, uint64_t, int32_t *, size_t *, int32_t *, size_t *
    ) noexcept nogil
    void bank_export(const bank *, size_t, int8_t *) noexcept
    void bank_import(bank *, size_t, const int8_t *) noexcept

cdef extern from "query.h":
    size_t query_random_bytes(int32_t, int32_t) noexcept
    void query_unit(
        const int8_t *, int32_t, int32_t, double, const uint8_t *, uint8_t *
    ) noexcept nogil
