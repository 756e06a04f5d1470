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


#: Random bytes asked for at once: enough for several machines, little enough to lock.
cdef Py_ssize_t POOL_BYTES = 1024


cdef class Pool:
    """Random bytes from `fill`, used in order, each once, and overwritten when used.

    They lie in the first POOL_BYTES of the given memory.
    """

    cdef object view
    cdef object fill
    cdef uint8_t *random
    cdef size_t position

    def __cinit__(self, SecretMemory memory not None, fill):
        if not callable(fill):
            raise TypeError("fill is not callable")
        self.view = memoryview(memory)[:POOL_BYTES]
        self.fill = fill
        self.random = <uint8_t *>memory.mapping.start
        self.position = <size_t>POOL_BYTES

    cdef int draw(self, int32_t l, int8_t *weights, size_t count) except -1:
        """Write `count` uniform weights of -l..l; what `fill` raises passes through."""
        cdef size_t drawn, used
        while True:
            machine_draw(
                l, weights, count,
                self.random + self.position, <size_t>POOL_BYTES - self.position, &drawn, &used,
            )
            self.position += used
            weights += drawn
            count -= drawn
            if count == 0:
                return 0
            # A fill that fails half way leaves an empty pool, never half-filled bytes.
            self.fill(self.view[:])
            self.position = 0

    cdef void empty(self) noexcept:
        """Forget what is left; the memory's owner wipes it."""
        self.position = <size_t>POOL_BYTES
