# The system's random bytes, and the pool of them that weights are drawn from.

from collections.abc import Callable

from libc.stdint cimport int8_t, int32_t, uint8_t, uint64_t

cdef extern from "entropy.h":
    int entropy_fill(void *, size_t) noexcept nogil

cdef extern from "machine.h":
    void machine_draw(
        int32_t, int8_t *, size_t, uint8_t *, size_t, size_t *, size_t *
    ) noexcept nogil

Fill = Callable[[memoryview], object]


def system_fill(uint8_t[::1] buffer not None, /):
    """Fill the buffer with random bytes of the operating system."""
    if buffer.shape[0] and entropy_fill(&buffer[0], <size_t>buffer.shape[0]) != 0:
        raise OSError("the operating system gave no random bytes")


cdef class Pool:
    """Random bytes from `fill`, used in order, each once, and overwritten when used."""

    cdef SecretMemory memory
    cdef object fill
    cdef size_t position

    def __cinit__(self, Py_ssize_t size, fill):
        if not callable(fill):
            raise TypeError("fill is not callable")
        self.memory = SecretMemory(size)
        self.fill = fill
        self.position = self.memory.mapping.size

    cdef int draw(self, int32_t l, int8_t *weights, size_t count) except -1:
        """Write `count` uniform weights of -l..l; what `fill` raises passes through."""
        cdef size_t drawn, used
        cdef uint8_t *random = <uint8_t *>self.memory.mapping.start
        while True:
            machine_draw(
                l, weights, count,
                random + self.position, self.memory.mapping.size - self.position, &drawn, &used,
            )
            self.position += used
            weights += drawn
            count -= drawn
            if count == 0:
                return 0
            # A fill that fails half way leaves an empty pool, never half-filled bytes.
            with memoryview(self.memory) as view:
                self.fill(view)
            self.position = 0

    cdef void wipe(self) noexcept:
        self.memory.wipe()
        self.position = self.memory.mapping.size
