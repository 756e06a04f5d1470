# A bank of machines (bank.h) as a Python object: arguments are checked here, weights stay in C.

from math import isfinite, sqrt

from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.mman cimport (
    MAP_ANONYMOUS,
    MAP_FAILED,
    MAP_PRIVATE,
    PROT_READ,
    PROT_WRITE,
    mmap,
    munmap,
)

cdef extern from "<stdlib.h>":
    void *aligned_alloc(size_t, size_t) noexcept


cdef class Bank:
    cdef bank own
    cdef SecretMemory memory  # pool, weights, representations, canonical weights of one
    cdef Pool pool
    cdef int8_t *shown  # the canonical weights of the machine that was asked for last
    cdef object view  # of them, read-only
    cdef size_t input_bytes
    cdef int8_t *ones
    cdef uint8_t *received
    cdef int32_t *agreed
    cdef int32_t *late
    cdef bint busy
    cdef bint wiped

    def __cinit__(
        self,
        Py_ssize_t k,
        Py_ssize_t n,
        Py_ssize_t l,
        Py_ssize_t rule,
        Py_ssize_t machines,
        Py_ssize_t package,
        fill,
    ):
        cdef bank *own = &self.own
        cdef size_t machine
        own.geometry.shape = checked_shape(k, n, l, rule)
        check_range("machines", machines, 1, 65536)
        check_range("package", package, 1, 64 * KERNEL_WORDS)
        own.machines = <size_t>machines
        own.geometry.steps = <int32_t>package
        own.kernel = chosen_kernel()
        geometry_complete(&own.geometry)
        bank_complete(own)
        # Whole 64 bytes each, as the kernels need it of weights.
        cdef Py_ssize_t weights = POOL_BYTES
        cdef Py_ssize_t representations = weights + machines * <Py_ssize_t>own.machine_stride
        cdef Py_ssize_t canonical = (
            representations + machines * <Py_ssize_t>own.geometry.representation
        )
        self.memory = SecretMemory(canonical + k * n)
        self.shown = <int8_t *>self.memory.mapping.start + canonical
        self.view = memoryview(self.memory)[canonical:].toreadonly()
        self.pool = Pool(self.memory, fill)
        own.weights = <int8_t *>self.memory.mapping.start + weights
        own.representations = <uint8_t *>self.memory.mapping.start + representations
        self.allocate()
        for machine in range(own.machines):
            self.draw(machine)

    cdef int allocate(self) except -1:
        """The public buffers."""
        cdef bank *own = &self.own
        cdef size_t lanes = (own.geometry.stride + 63) // 64 * 64
        cdef size_t outputs = bank_output_bytes(own, own.machines) + 16
        cdef size_t machine
        self.ones = <int8_t *>aligned_alloc(64, lanes)
        own.members = <member *>calloc(own.machines, sizeof(member))
        self.allocate_inputs()
        own.taus = <uint64_t *>calloc(own.machines * own.geometry.words, 8)
        own.outputs = <uint8_t *>calloc(outputs, 1)
        own.evaluated = <int32_t *>calloc(own.machines, sizeof(int32_t))
        self.received = <uint8_t *>calloc(outputs, 1)
        self.agreed = <int32_t *>calloc(own.machines, sizeof(int32_t))
        self.late = <int32_t *>calloc(own.machines, sizeof(int32_t))
        if (
            self.ones == NULL or own.members == NULL or own.taus == NULL or own.outputs == NULL
            or own.evaluated == NULL or self.received == NULL or self.agreed == NULL
            or self.late == NULL
        ):
            raise MemoryError("no memory for the bank")
        memset(self.ones, 0, lanes)
        if own.geometry.stride < 64:
            # Vectors of several units take the pattern once for each.
            for machine in range(0, lanes, own.geometry.stride):
                memset(self.ones + machine, 1, <size_t>own.geometry.shape.n)
        else:
            memset(self.ones, 1, <size_t>own.geometry.shape.n)
        own.geometry.ones = self.ones
        for machine in range(own.machines):
            bank_activate(own, machine, True)
        return 0

    cdef int allocate_inputs(self) except -1:
        # Mapped, not from the heap: what is given back there in the middle stays with the process.
        cdef void *start
        self.input_bytes = self.own.machines * self.own.machine_bytes + <size_t>KERNEL_OVERREAD
        start = mmap(
            NULL, self.input_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
        )
        if start == MAP_FAILED:
            raise MemoryError("no memory for the inputs of a round")
        self.own.inputs = <uint8_t *>start
        return 0

    cdef void free_inputs(self) noexcept:
        if self.own.inputs != NULL:
            munmap(self.own.inputs, self.input_bytes)
            self.own.inputs = NULL

    def __dealloc__(self):
        free(self.ones)
        free(self.own.members)
        self.free_inputs()
        free(self.own.taus)
        free(self.own.outputs)
        free(self.own.evaluated)
        free(self.received)
        free(self.agreed)
        free(self.late)

    cdef int draw(self, size_t machine) except -1:
        """Draw new weights, row-major as the definition does."""
        cdef geometry *form = &self.own.geometry
        cdef int8_t *weights = self.own.weights + machine * self.own.machine_stride
        cdef size_t unit
        self.busy = True  # the source of randomness must not find half-drawn weights
        try:
            for unit in range(<size_t>form.shape.k):
                self.pool.draw(form.shape.l, weights + unit * form.stride, <size_t>form.shape.n)
        finally:
            self.busy = False
        return 0

    cdef int check_usable(self) except -1:
        if self.busy:
            raise RuntimeError("the bank is in use")
        if self.wiped:
            raise RuntimeError("the bank is wiped")
        return 0

    cdef member *checked_member(self, Py_ssize_t machine) except NULL:
        self.check_usable()
        check_range("machine", machine, 0, <Py_ssize_t>self.own.machines - 1)
        return &self.own.members[machine]

    @property
    def instruction_set(self):
        return self.own.kernel.name.decode()

    @property
    def protection(self):
        return self.memory.protection

    @property
    def package(self):
        return self.own.geometry.steps

    @property
    def active(self):
        return self.own.active

    @property
    def round_input_bytes(self):
        return self.own.active * self.own.machine_bytes

    @property
    def round_output_bytes(self):
        return bank_output_bytes(&self.own, self.own.active)

    def counter_blocks(self, uint8_t[::1] out not None, /):
        cdef Py_ssize_t size = <Py_ssize_t>(self.own.active * self.own.machine_bytes)
        self.check_usable()
        if out.shape[0] < size:
            raise ValueError(f"out has {out.shape[0]} bytes, less than {size}")
        if size:
            bank_counter_blocks(&self.own, &out[0])
        return size

    def evaluate(self, const uint8_t[::1] inputs not None, /):
        cdef bank *own = &self.own
        cdef size_t active = own.active
        cdef Py_ssize_t size = <Py_ssize_t>(active * own.machine_bytes)
        self.check_usable()
        if inputs.shape[0] != size:
            raise ValueError(f"inputs has {inputs.shape[0]} bytes, not {size}")
        if own.inputs == NULL:
            self.allocate_inputs()
        if size:
            memcpy(own.inputs, &inputs[0], <size_t>size)
        self.busy = True
        with nogil:
            bank_evaluate(own)
        self.busy = False
        return PyBytes_FromStringAndSize(
            <const char *>own.outputs, <Py_ssize_t>bank_output_bytes(own, active)
        )

    def learn(self, bytes outputs not None, Py_ssize_t agreements, Py_ssize_t limit, /):
        cdef bank *own = &self.own
        cdef size_t size = bank_output_bytes(own, own.evaluated_count)
        cdef size_t agreed_count, late_count
        self.check_usable()
        if not own.waiting:
            raise RuntimeError("no package was evaluated")
        if <size_t>PyBytes_GET_SIZE(outputs) != size:
            raise ValueError(f"outputs has {PyBytes_GET_SIZE(outputs)} bytes, not {size}")
        if agreements < 1:
            raise ValueError(f"agreements is {agreements}, not positive")
        if limit < 1:
            raise ValueError(f"limit is {limit}, not positive")
        memcpy(self.received, PyBytes_AS_STRING(outputs), size)
        if not bank_padding_is_zero(own, self.received):
            raise ValueError("outputs has bits beyond the last step")
        self.busy = True
        with nogil:
            bank_learn(
                own, self.received, <uint64_t>agreements, <uint64_t>limit,
                self.agreed, &agreed_count, self.late, &late_count,
            )
        self.busy = False
        return (
            [self.agreed[i] for i in range(agreed_count)],
            [self.late[i] for i in range(late_count)],
        )

    def query(self, double h, fill, /):
        cdef bank *own = &self.own
        cdef geometry *form = &own.geometry
        cdef size_t share = query_random_bytes(form.shape.n, form.shape.l)
        cdef double reach = h * sqrt(form.shape.n)
        cdef size_t place = 0
        cdef size_t machine, unit
        self.check_usable()
        if form.steps != 1:
            raise ValueError(f"package is {form.steps}: queries need packages of one step")
        if not (h > 0 and isfinite(h)):
            raise ValueError(f"h is {h}, not positive and finite")
        random = bytearray(share * <size_t>form.shape.k)
        cdef const uint8_t[::1] words = random
        inputs = bytearray(own.active * own.machine_bytes)
        cdef uint8_t[::1] bits = inputs
        self.busy = True  # the set of active machines must stay as it is
        try:
            for machine in range(own.machines):
                if not own.members[machine].active:
                    continue
                fill(memoryview(random))
                for unit in range(<size_t>form.shape.k):
                    query_unit(
                        own.weights + machine * own.machine_stride + unit * form.stride,
                        form.shape.n, form.shape.l, reach,
                        &words[<Py_ssize_t>(unit * share)],
                        &bits[<Py_ssize_t>(place * own.machine_bytes + unit * form.unit_bytes)],
                    )
                place += 1
        finally:
            self.busy = False
        return bytes(inputs)

    def hold(self, Py_ssize_t machine, /):
        cdef member *found = self.checked_member(machine)
        if not found.active:
            raise ValueError(f"machine {machine} is held already")
        bank_activate(&self.own, <size_t>machine, False)

    def release(self, Py_ssize_t machine, /):
        cdef member *found = self.checked_member(machine)
        if found.active:
            raise ValueError(f"machine {machine} is not held")
        bank_activate(&self.own, <size_t>machine, True)
        found.agreements = 0

    def redraw(self, Py_ssize_t machine, /):
        cdef member *found = self.checked_member(machine)
        cdef geometry *form = &self.own.geometry
        bank_activate(&self.own, <size_t>machine, False)
        secret_wipe(self.shown, <size_t>(form.shape.k * form.shape.n))
        self.draw(<size_t>machine)
        found.run += 1
        found.steps = found.agreements = found.packages = 0
        bank_activate(&self.own, <size_t>machine, True)

    def is_active(self, Py_ssize_t machine, /):
        return self.checked_member(machine).active

    def run(self, Py_ssize_t machine, /):
        return self.checked_member(machine).run

    def steps(self, Py_ssize_t machine, /):
        return self.checked_member(machine).steps

    def weights(self, Py_ssize_t machine, /):
        self.checked_member(machine)
        bank_export(&self.own, <size_t>machine, self.shown)
        return self.view

    def set_weights(self, Py_ssize_t machine, bytes weights not None, /):
        cdef member *found = self.checked_member(machine)
        bank_import(
            &self.own, <size_t>machine, checked_weights(&self.own.geometry.shape, weights)
        )
        found.pending = False

    def rest(self):
        self.check_usable()
        self.free_inputs()
        self.own.waiting = False

    def wipe(self):
        if self.busy:
            raise RuntimeError("the bank is in use")
        self.wiped = True
        self.pool.empty()
        self.memory.wipe()
