# One machine (machine.h) as a Python object.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

cdef extern from "machine.h":
    enum rule:
        RULE_HEBBIAN
        RULE_ANTI_HEBBIAN
        RULE_RANDOM_WALK
    struct shape:
        int32_t k
        int32_t n
        int32_t l
        rule rule
    uint64_t machine_represent(const shape *, const int8_t *, const int8_t *) noexcept nogil
    int machine_output(uint64_t, int32_t) noexcept nogil
    void machine_learn(const shape *, int8_t *, const int8_t *, uint64_t, int) noexcept nogil

HEBBIAN = <int>RULE_HEBBIAN
ANTI_HEBBIAN = <int>RULE_ANTI_HEBBIAN
RANDOM_WALK = <int>RULE_RANDOM_WALK

cdef object check_range(str name, Py_ssize_t value, Py_ssize_t least, Py_ssize_t most):
    if not least <= value <= most:
        raise ValueError(f"{name} is {value}, not in {least}..{most}")


cdef shape checked_shape(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule_number) except *:
    check_range("k", k, 1, 64)
    check_range("n", n, 1, 16384)
    check_range("l", l, 1, 127)
    check_range("rule", rule_number, RULE_HEBBIAN, RULE_RANDOM_WALK)
    return shape(<int32_t>k, <int32_t>n, <int32_t>l, <rule><int>rule_number)


cdef const int8_t *checked_weights(const shape *form, bytes weights) except NULL:
    """The bytes as weights; errors never quote them, for they are secret."""
    cdef const int8_t *values = <const int8_t *>PyBytes_AS_STRING(weights)
    cdef Py_ssize_t size = <Py_ssize_t>form.k * form.n
    cdef Py_ssize_t i
    if PyBytes_GET_SIZE(weights) != size:
        raise ValueError(f"weights has {PyBytes_GET_SIZE(weights)} bytes, not {size}")
    for i in range(size):
        if not -form.l <= values[i] <= form.l:
            raise ValueError(f"weights holds a value outside -{form.l}..{form.l}")
    return values


cdef class Machine:
    cdef shape form
    cdef size_t size
    cdef SecretMemory memory
    cdef int8_t *values
    cdef Pool pool
    cdef bint usable

    def __cinit__(self, Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, fill):
        self.form = checked_shape(k, n, l, rule)
        self.size = <size_t>(k * n)
        self.memory = SecretMemory(POOL_BYTES + k * n)
        self.pool = Pool(self.memory, fill)
        self.values = <int8_t *>self.memory.mapping.start + POOL_BYTES
        self.redraw()

    cdef int check_usable(self) except -1:
        if not self.usable:
            raise RuntimeError("the machine has no weights")
        return 0

    cdef const int8_t *checked_inputs(self, bytes inputs) except NULL:
        cdef const int8_t *values = <const int8_t *>PyBytes_AS_STRING(inputs)
        cdef size_t i
        if <size_t>PyBytes_GET_SIZE(inputs) != self.size:
            raise ValueError(f"inputs has {PyBytes_GET_SIZE(inputs)} bytes, not {self.size}")
        for i in range(self.size):
            if values[i] != 1 and values[i] != -1:
                raise ValueError("inputs holds a byte other than 0x01 and 0xff")
        return values

    @property
    def protection(self):
        return self.memory.protection

    def evaluate(self, bytes inputs not None, /):
        cdef const int8_t *x = self.checked_inputs(inputs)
        self.check_usable()
        return machine_output(machine_represent(&self.form, self.values, x), self.form.k)

    def learn(self, bytes inputs not None, int output, /):
        cdef const int8_t *x = self.checked_inputs(inputs)
        if output != 1 and output != -1:
            raise ValueError(f"output is {output}, not -1 or 1")
        self.check_usable()
        machine_learn(
            &self.form, self.values, x, machine_represent(&self.form, self.values, x), output
        )

    def set_weights(self, bytes weights not None, /):
        memcpy(self.values, checked_weights(&self.form, weights), self.size)
        self.usable = True

    def weights(self):
        self.check_usable()
        return PyBytes_FromStringAndSize(<const char *>self.values, <Py_ssize_t>self.size)

    def key_string(self):
        cdef char *digits
        cdef size_t i
        if self.form.l > 4:
            raise ValueError(f"l is {self.form.l}: key strings of digits end at 4")
        self.check_usable()
        text = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>self.size)
        digits = PyBytes_AS_STRING(text)
        for i in range(self.size):
            digits[i] = <char>(c'0' + self.form.l + self.values[i])
        return text

    def redraw(self):
        self.usable = False
        self.pool.draw(self.form.l, self.values, self.size)
        self.usable = True

    def wipe(self):
        self.usable = False
        self.pool.empty()
        self.memory.wipe()
