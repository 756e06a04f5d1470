# Locked memory (secret.h) as a Python object with the buffer protocol.

from cpython.buffer cimport PyBuffer_FillInfo

cdef extern from "secret.h":
    enum secret_protection:
        SECRET_PLAIN
        SECRET_LOCKED
        SECRET_SECRET
    struct secret:
        void *start
        size_t size
        secret_protection protection
    int secret_map(secret *, size_t, secret_protection)
    void secret_wipe(void *, size_t) noexcept nogil
    void secret_unmap(secret *) noexcept

PROTECTIONS = ("plain", "locked", "secret")

cdef secret_protection strongest = SECRET_SECRET
cdef secret_protection weakest = SECRET_SECRET


def strongest_protection(str name not None, /):
    """Set the strongest protection that new memory asks for; returns the one before."""
    global strongest
    if name not in PROTECTIONS:
        raise ValueError(f"name is {name!r}, not one of {', '.join(PROTECTIONS)}")
    before = PROTECTIONS[<int>strongest]
    strongest = <secret_protection><int>PROTECTIONS.index(name)
    return before


def weakest_protection():
    """The weakest protection that any memory got so far."""
    return PROTECTIONS[<int>weakest]


cdef class SecretMemory:
    cdef secret mapping

    def __cinit__(self, Py_ssize_t size):
        global weakest
        if size < 1:
            raise ValueError(f"size is {size}, not positive")
        if secret_map(&self.mapping, <size_t>size, strongest) != 0:
            raise MemoryError(f"no memory for {size} bytes")
        if self.mapping.protection < weakest:
            weakest = self.mapping.protection

    def __dealloc__(self):
        secret_unmap(&self.mapping)

    @property
    def protection(self):
        return PROTECTIONS[<int>self.mapping.protection]

    def wipe(self):
        secret_wipe(self.mapping.start, self.mapping.size)

    def __len__(self):
        return <Py_ssize_t>self.mapping.size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(
            buffer, self, self.mapping.start, <Py_ssize_t>self.mapping.size, 0, flags
        )
