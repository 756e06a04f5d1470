# The simulation of many pairs in lockstep (simulation_pairs.h) for dynamicrypt.lab.

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc

cdef extern from "simulation.h":
    struct network:
        size_t k
        size_t n
        int l
        int planes
        int sums
    struct lane_kernel:
        const char *name
    void seed_stream(uint64_t, uint64_t, uint64_t *, size_t) noexcept nogil
    network network_of(size_t, size_t, int) noexcept nogil
    const lane_kernel *const *lane_kernels() noexcept nogil

cdef extern from "simulation_pairs.h":
    enum:
        GROUP_LANES
    enum learning:
        pass
    struct pairs_plan:
        network network
        learning rule
        size_t attackers
        int geometric
        int secret_inputs
        size_t package
        double field
        uint64_t delay
        uint64_t limit
        uint64_t key
        uint64_t number
    struct pairs_results:
        int64_t *steps
        int32_t *matched
        int8_t *weights
    struct pairs:
        pass
    pairs *pairs_new(const pairs_plan *, const lane_kernel *) noexcept nogil
    void pairs_free(pairs *) noexcept nogil
    void pairs_run(pairs *, uint64_t, const pairs_results *) noexcept nogil
    void pairs_fill(pairs *) noexcept nogil
    void pairs_advance(pairs *) noexcept nogil
    void pairs_weights(const pairs *, size_t, size_t, int8_t *) noexcept nogil
    void pairs_inputs(const pairs *, size_t, int, size_t, int8_t *) noexcept nogil

cdef extern from "simulation_crowd.h":
    enum crowd_strategy:
        CROWD_GEOMETRIC
        CROWD_MAJORITY
        CROWD_GENETIC
    enum:
        MAX_VOTING_UNITS
        MAX_BRANCHING_UNITS
    struct crowd_plan:
        network network
        learning rule
        crowd_strategy strategy
        size_t attackers
        int secret_inputs
        size_t package
        double field
        uint64_t delay
        uint64_t limit
        uint64_t key
        uint64_t number
    struct crowd_results:
        int64_t *steps
        int32_t *matched
        int64_t *work
    struct crowd:
        pass
    crowd *crowd_new(const crowd_plan *, const lane_kernel *) noexcept nogil
    void crowd_free(crowd *) noexcept nogil
    size_t crowd_pairs(const crowd *) noexcept nogil
    size_t crowd_size(const crowd *, size_t) noexcept nogil
    void crowd_run(crowd *, uint64_t, const crowd_results *) noexcept nogil
    void crowd_fill(crowd *) noexcept nogil
    void crowd_advance(crowd *) noexcept nogil
    void crowd_weights(const crowd *, size_t, size_t, int8_t *) noexcept nogil
    void crowd_inputs(const crowd *, size_t, size_t, int, int8_t *) noexcept nogil

cdef extern from "simulation_random.h":
    struct numbers:
        uint64_t[4] state

cdef extern from "simulation_scalar.h":
    int64_t scalar_synchronise(
        const shape *, size_t, uint64_t, numbers *, int8_t *
    ) noexcept nogil

cdef extern from "simulation_probability.h":
    struct eavesdropping:
        shape shape
        size_t package
        double field
        uint64_t delay
        uint64_t limit
    enum:
        NORMAL_POINTS
    struct belief:
        const shape *shape
        double *chance
        double *joint
        double *mean
        double *spread
        double *normal
    void belief_start(const belief *) noexcept nogil
    void belief_open_package(const belief *) noexcept nogil
    void belief_close_package(const belief *) noexcept nogil
    void belief_hear(const belief *, const int8_t *, int, int) noexcept nogil
    size_t eavesdropping_doubles(const eavesdropping *) noexcept nogil
    size_t eavesdropping_bytes(const eavesdropping *) noexcept nogil
    int64_t eavesdrop(const eavesdropping *, numbers *, double *, int8_t *, int32_t *) noexcept nogil

cdef extern from "simulation_seed.h":
    void glibc_rand(uint32_t, size_t, uint32_t *, size_t) noexcept nogil
    size_t glibc_seeds(
        uint64_t, uint64_t, size_t, const uint8_t *, size_t, uint32_t *, size_t
    ) noexcept nogil


def lane_instruction_sets():
    """The instruction sets that the simulation can use here, best first; the last is "plain"."""
    names = []
    cdef const lane_kernel *const *at = lane_kernels()
    while at[0] != NULL:
        names.append(at[0].name.decode())
        at += 1
    return tuple(names)


cdef const lane_kernel *lane_kernel_named(str name) except NULL:
    cdef const lane_kernel *const *at = lane_kernels()
    while at[0] != NULL:
        if at[0].name.decode() == name:
            return at[0]
        at += 1
    raise ValueError(f"instruction_set is {name!r}, not one of {', '.join(lane_instruction_sets())}")


cdef network checked_network(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l) except *:
    check_range("k", k, 1, 64)
    check_range("n", n, 1, 16384)
    check_range("l", l, 1, 127)
    return network_of(<size_t>k, <size_t>n, <int>l)


cdef object check_field(double field):
    if not 0 <= field < 1e9:
        raise ValueError(f"field is {field}, not in 0..1e9")


cdef class Lockstep:
    cdef pairs *group
    cdef pairs_plan plan

    def __cinit__(
        self, Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, uint64_t key,
        uint64_t number, *, str instruction_set, Py_ssize_t attackers=0, bint geometric=False,
        bint secret_inputs=False, Py_ssize_t package=1, double field=0.0, uint64_t delay=0,
        uint64_t limit=1 << 62,
    ):
        check_range("rule", rule, RULE_HEBBIAN, RULE_RANDOM_WALK)
        check_range("attackers", attackers, 0, 4096)
        check_range("package", package, 1, 4096)
        check_range("limit", limit, 1, 1 << 62)
        check_range("delay", delay, 0, 1 << 62)
        check_field(field)
        self.plan.network = checked_network(k, n, l)
        self.plan.rule = <learning><int>rule
        self.plan.attackers = <size_t>attackers
        self.plan.geometric = geometric
        self.plan.secret_inputs = secret_inputs
        self.plan.package = <size_t>package
        self.plan.field = field
        self.plan.delay = delay
        self.plan.limit = limit
        self.plan.key = key
        self.plan.number = number
        self.group = pairs_new(&self.plan, lane_kernel_named(instruction_set))
        if self.group == NULL:
            raise MemoryError("no memory for a group of pairs")

    def __dealloc__(self):
        pairs_free(self.group)

    def run(self, int64_t[::1] steps not None, int32_t[:, ::1] matched=None,
            int8_t[:, ::1] weights=None):
        cdef pairs_results results = pairs_results(NULL, NULL, NULL)
        cdef Py_ssize_t runs = steps.shape[0]
        if runs == 0:
            return
        results.steps = &steps[0]
        if matched is not None:
            if matched.shape[0] != runs or matched.shape[1] != <Py_ssize_t>self.plan.attackers:
                raise ValueError("matched has not the shape runs, attackers")
            if matched.shape[1]:
                results.matched = &matched[0, 0]
        if weights is not None:
            if (weights.shape[0] != runs
                    or weights.shape[1] != <Py_ssize_t>(self.plan.network.k * self.plan.network.n)):
                raise ValueError("weights has not the shape runs, k*n")
            results.weights = &weights[0, 0]
        with nogil:
            pairs_run(self.group, <uint64_t>runs, &results)

    def fill(self):
        with nogil:
            pairs_fill(self.group)

    def advance(self):
        with nogil:
            pairs_advance(self.group)

    def weights(self, Py_ssize_t machine, Py_ssize_t lane):
        check_range("machine", machine, 0, <Py_ssize_t>self.plan.attackers + 1)
        check_range("lane", lane, 0, GROUP_LANES - 1)
        size = self.plan.network.k * self.plan.network.n
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        pairs_weights(self.group, <size_t>machine, <size_t>lane, <int8_t *>PyBytes_AS_STRING(out))
        return out

    def inputs(self, Py_ssize_t step, bint attacker, Py_ssize_t lane):
        check_range("step", step, 0, <Py_ssize_t>self.plan.package - 1)
        check_range("lane", lane, 0, GROUP_LANES - 1)
        size = self.plan.network.k * self.plan.network.n
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        pairs_inputs(self.group, <size_t>step, attacker, <size_t>lane,
                     <int8_t *>PyBytes_AS_STRING(out))
        return out


cdef class Crowd:
    cdef crowd *group
    cdef crowd_plan plan

    def __cinit__(
        self, Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, uint64_t key,
        uint64_t number, *, str instruction_set, str strategy, Py_ssize_t attackers,
        bint secret_inputs=False, Py_ssize_t package=1, double field=0.0, uint64_t delay=0,
        uint64_t limit=1 << 62,
    ):
        strategies = ("geometric", "majority", "genetic")
        if strategy not in strategies:
            raise ValueError(f"strategy is {strategy!r}, not one of {', '.join(strategies)}")
        check_range("rule", rule, RULE_HEBBIAN, RULE_RANDOM_WALK)
        check_range("attackers", attackers, 1, 1 << 18)
        check_range("package", package, 1, 4096)
        check_range("limit", limit, 1, 1 << 62)
        check_range("delay", delay, 0, 1 << 62)
        check_field(field)
        self.plan.network = checked_network(k, n, l)
        most = {"geometric": 64, "majority": MAX_VOTING_UNITS, "genetic": MAX_BRANCHING_UNITS}
        check_range("k", k, 1, most[strategy])
        self.plan.rule = <learning><int>rule
        self.plan.strategy = <crowd_strategy><int>strategies.index(strategy)
        self.plan.attackers = <size_t>attackers
        self.plan.secret_inputs = secret_inputs
        self.plan.package = <size_t>package
        self.plan.field = field
        self.plan.delay = delay
        self.plan.limit = limit
        self.plan.key = key
        self.plan.number = number
        self.group = crowd_new(&self.plan, lane_kernel_named(instruction_set))
        if self.group == NULL:
            raise MemoryError("no memory for a crowd of attackers")

    def __dealloc__(self):
        crowd_free(self.group)

    @property
    def pairs(self):
        return crowd_pairs(self.group)

    def run(self, int64_t[::1] steps not None, int32_t[::1] matched not None,
            int64_t[::1] work not None):
        cdef crowd_results results
        cdef Py_ssize_t runs = steps.shape[0]
        if matched.shape[0] != runs or work.shape[0] != runs:
            raise ValueError("matched and work have not the length of steps")
        if runs == 0:
            return
        results.steps = &steps[0]
        results.matched = &matched[0]
        results.work = &work[0]
        with nogil:
            crowd_run(self.group, <uint64_t>runs, &results)

    def fill(self):
        with nogil:
            crowd_fill(self.group)

    def advance(self):
        with nogil:
            crowd_advance(self.group)

    def size(self, Py_ssize_t pair):
        check_range("pair", pair, 0, <Py_ssize_t>crowd_pairs(self.group) - 1)
        return crowd_size(self.group, <size_t>pair)

    def weights(self, Py_ssize_t pair, Py_ssize_t machine):
        check_range("machine", machine, 0, self.size(pair) + 1)
        size = self.plan.network.k * self.plan.network.n
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        crowd_weights(self.group, <size_t>pair, <size_t>machine,
                      <int8_t *>PyBytes_AS_STRING(out))
        return out

    def inputs(self, Py_ssize_t pair, Py_ssize_t step, bint attacker):
        check_range("pair", pair, 0, <Py_ssize_t>crowd_pairs(self.group) - 1)
        check_range("step", step, 0, <Py_ssize_t>self.plan.package - 1)
        size = self.plan.network.k * self.plan.network.n
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        crowd_inputs(self.group, <size_t>pair, <size_t>step, attacker,
                     <int8_t *>PyBytes_AS_STRING(out))
        return out


def scalar_runs(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, uint64_t key,
                int64_t[::1] steps not None, *, Py_ssize_t attackers=0,
                uint64_t limit=1 << 62):
    """Run pairs one after the other, a byte to a weight, with geometric attackers."""
    cdef shape form = checked_shape(k, n, l, rule)
    check_range("attackers", attackers, 0, 4096)
    cdef numbers stream
    cdef Py_ssize_t run
    cdef int8_t *scratch = <int8_t *>malloc(<size_t>((3 + attackers) * k * n))
    if scratch == NULL:
        raise MemoryError("no memory for machines")
    seed_stream(key, 0, stream.state, 1)
    with nogil:
        for run in range(steps.shape[0]):
            steps[run] = scalar_synchronise(&form, <size_t>attackers, limit, &stream, scratch)
    free(scratch)


def probabilistic_runs(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, uint64_t key,
                       uint64_t number, int64_t[::1] steps not None,
                       int32_t[::1] matched not None, *, Py_ssize_t package=1,
                       double field=0.0, uint64_t delay=0, uint64_t limit=1 << 62):
    """Run pairs under the probabilistic attack."""
    cdef eavesdropping plan
    plan.shape = checked_shape(k, n, l, rule)
    check_range("package", package, 1, 64)
    check_field(field)
    if matched.shape[0] != steps.shape[0]:
        raise ValueError("matched has not the length of steps")
    plan.package = <size_t>package
    plan.field = field
    plan.delay = delay
    plan.limit = limit
    cdef numbers stream
    cdef Py_ssize_t run
    cdef double *doubles = <double *>malloc(eavesdropping_doubles(&plan) * sizeof(double))
    cdef int8_t *scratch = <int8_t *>malloc(eavesdropping_bytes(&plan))
    try:
        if doubles == NULL or scratch == NULL:
            raise MemoryError("no memory for beliefs")
        seed_stream(key, number, stream.state, 1)
        with nogil:
            for run in range(steps.shape[0]):
                steps[run] = eavesdrop(&plan, &stream, doubles, scratch, &matched[run])
    finally:
        free(doubles)
        free(scratch)


def probabilistic_beliefs(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule,
                          const int8_t[:, ::1] inputs not None, const int8_t[::1] a not None,
                          const int8_t[::1] b not None, double[:, ::1] chance not None, *,
                          Py_ssize_t package=1):
    """What the probabilistic attack believes after a recorded exchange."""
    check_range("package", package, 1, 64)
    cdef shape form = checked_shape(k, n, l, rule)
    cdef Py_ssize_t steps = inputs.shape[0]
    cdef Py_ssize_t step
    if inputs.shape[1] != k * n or a.shape[0] != steps or b.shape[0] != steps:
        raise ValueError("inputs, a and b have not the shapes (steps, k*n), steps, steps")
    if chance.shape[0] != k * n or chance.shape[1] != 2 * l + 1:
        raise ValueError("chance has not the shape k*n, 2*l+1")
    cdef size_t joint = 0
    if package > 1:
        joint = <size_t>(k * n * (2 * l + 1) * (2 * l + 1))
    cdef double *scratch = <double *>malloc(
        (2 * <size_t>n + <size_t>NORMAL_POINTS + joint) * sizeof(double))
    if scratch == NULL:
        raise MemoryError("no memory for beliefs")
    cdef belief held = belief(&form, &chance[0, 0], NULL, scratch, scratch + n, scratch + 2 * n)
    if joint:
        held.joint = scratch + 2 * n + <size_t>NORMAL_POINTS
    with nogil:
        belief_start(&held)
        for step in range(steps):
            if step % package == 0:
                belief_open_package(&held)
            belief_hear(&held, &inputs[step, 0], a[step], a[step] == b[step])
            if step % package == package - 1 or step == steps - 1:
                belief_close_package(&held)
    free(scratch)


def glibc_numbers(uint32_t seed, Py_ssize_t start, Py_ssize_t count):
    """`count` numbers of glibc's rand() after srand(seed), from number `start` on."""
    check_range("start", start, 0, 1 << 24)
    check_range("count", count, 1, 1 << 24)
    out = bytearray(4 * count)
    cdef uint8_t[::1] view = out
    glibc_rand(seed, <size_t>start, <uint32_t *>&view[0], <size_t>count)
    return memoryview(out).cast("I").tolist()


def glibc_search(uint64_t first, uint64_t seeds, Py_ssize_t start, bytes odd not None):
    """Seeds of first..first+seeds-1 whose numbers from `start` on are odd and even as given."""
    check_range("start", start, 0, 1 << 24)
    check_range("length of odd", PyBytes_GET_SIZE(odd), 16, 1 << 20)
    if first + seeds > <uint64_t>1 << 32 or seeds > <uint64_t>1 << 32:
        raise ValueError("seeds end after 2**32")
    cdef uint32_t[64] found
    cdef size_t number
    cdef const uint8_t *bits = <const uint8_t *>PyBytes_AS_STRING(odd)
    cdef size_t size = <size_t>PyBytes_GET_SIZE(odd)
    with nogil:
        number = glibc_seeds(first, seeds, <size_t>start, bits, size, found, 64)
    return [found[i] for i in range(min(number, <size_t>64))]
