# The particle attack (simulation_particle.h) for dynamicrypt.lab.

from libc.stdlib cimport calloc

cdef extern from "simulation_drift.h":
    struct drift:
        const shape *shape
        float *chance
    size_t drift_floats(const shape *) noexcept nogil
    void drift_start(drift *, const shape *, float *) noexcept nogil
    void drift_open_package(drift *) noexcept nogil
    void drift_learn(const drift *, const int8_t *, int) noexcept nogil

cdef extern from "simulation_particle.h":
    struct particles:
        const shape *shape
        size_t machines
        size_t fewest
        double share
        int8_t *weights
        int8_t *spare
        double *score
        uint64_t *moves
        double *flip
        double *doubt
    struct heard:
        const int8_t *inputs
        const int8_t *a
        const int8_t *b
        size_t steps
    struct hunt:
        shape shape
        size_t machines
        size_t fewest
        double share
        double flip
        double doubt
        float sharpness
        uint64_t recent
        uint64_t before
        size_t package
        uint64_t delay
        uint64_t limit
    struct quarry:
        int64_t steps
        int32_t matched
        int64_t work
        int64_t followed
    void particles_certainty(const particles *, double, double) noexcept nogil
    void particles_listen(const particles *, const heard *, numbers *) noexcept nogil
    void particles_select(particles *, numbers *) noexcept nogil
    size_t hunt_bytes(const hunt *) noexcept nogil
    quarry hunt_run(const hunt *, numbers *, void *) noexcept nogil


cdef check_record(const shape *form, const int8_t[:, ::1] inputs, const int8_t[::1] a,
                  const int8_t[::1] b, Py_ssize_t package):
    cdef Py_ssize_t steps = inputs.shape[0]
    cdef Py_ssize_t step, j
    check_range("package", package, 1, 64)
    if inputs.shape[1] != form.k * form.n or a.shape[0] != steps or b.shape[0] != steps:
        raise ValueError("inputs, a and b have not the shapes (steps, k*n), steps, steps")
    if steps == 0 or steps % package:
        raise ValueError("the steps are not whole packages")
    for step in range(steps):
        if (a[step] != 1 and a[step] != -1) or (b[step] != 1 and b[step] != -1):
            raise ValueError("a or b has values other than -1 and +1")
        for j in range(inputs.shape[1]):
            if inputs[step, j] != 1 and inputs[step, j] != -1:
                raise ValueError("inputs has values other than -1 and +1")


def particle_runs(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, uint64_t key,
                  uint64_t number, int64_t[::1] steps not None, int32_t[::1] matched not None,
                  int64_t[::1] work not None, int64_t[::1] followed not None, *,
                  Py_ssize_t attackers, Py_ssize_t fewest, double share, double flip,
                  double doubt, double sharpness, uint64_t recent, uint64_t before,
                  Py_ssize_t package=1, uint64_t delay=0, uint64_t limit=1 << 62):
    """Run pairs and attack their records with particles."""
    cdef hunt plan
    cdef quarry found
    plan.shape = checked_shape(k, n, l, rule)
    check_range("attackers", attackers, 1, 1 << 18)
    check_range("fewest", fewest, 1, 1 << 18)
    check_range("package", package, 1, 64)
    check_range("recent", recent, 1, 1 << 20)
    check_range("before", before, 0, 1 << 20)
    check_range("delay", delay, 0, 1 << 20)
    if not (0 < share <= 1 and flip > 0 and doubt > 0 and sharpness > 0):
        raise ValueError("share is not in 0..1, or flip, doubt or sharpness not positive")
    if not (matched.shape[0] == work.shape[0] == followed.shape[0] == steps.shape[0]):
        raise ValueError("matched, work and followed have not the length of steps")
    plan.machines = <size_t>attackers
    plan.fewest = <size_t>fewest
    plan.share = share
    plan.flip = flip
    plan.doubt = doubt
    plan.sharpness = <float>sharpness
    plan.recent = recent
    plan.before = before
    plan.package = <size_t>package
    plan.delay = delay
    plan.limit = limit
    cdef numbers stream
    cdef Py_ssize_t run
    cdef void *scratch = malloc(hunt_bytes(&plan))
    if scratch == NULL:
        raise MemoryError("no memory for particles")
    seed_stream(key, number, stream.state, 1)
    with nogil:
        for run in range(steps.shape[0]):
            found = hunt_run(&plan, &stream, scratch)
            steps[run] = found.steps
            matched[run] = found.matched
            work[run] = found.work
            followed[run] = found.followed
    free(scratch)


def particle_drift(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule,
                   const int8_t[:, ::1] inputs not None, const int8_t[::1] a not None,
                   const int8_t[::1] b not None, float[:, ::1] chance not None, *,
                   Py_ssize_t package=1):
    """Where the weights have drifted to after a recorded exchange."""
    cdef shape form = checked_shape(k, n, l, rule)
    cdef Py_ssize_t step
    cdef drift held
    check_record(&form, inputs, a, b, package)
    if chance.shape[0] != 2 * l + 1 or chance.shape[1] != k * n:
        raise ValueError("chance has not the shape 2*l+1, k*n")
    cdef float *scratch = <float *>malloc(drift_floats(&form) * sizeof(float))
    if scratch == NULL:
        raise MemoryError("no memory for distributions")
    drift_start(&held, &form, scratch)
    for step in range(inputs.shape[0]):
        if step % package == 0:
            drift_open_package(&held)
        if a[step] == b[step]:
            drift_learn(&held, &inputs[step, 0], a[step])
    memcpy(&chance[0, 0], held.chance, <size_t>((2 * l + 1) * k * n) * sizeof(float))
    free(scratch)


def particle_listen(Py_ssize_t k, Py_ssize_t n, Py_ssize_t l, Py_ssize_t rule, uint64_t key,
                    const int8_t[:, ::1] inputs not None, const int8_t[::1] a not None,
                    const int8_t[::1] b not None, int8_t[:, ::1] weights not None, *,
                    Py_ssize_t fewest, double share, double flip, double doubt,
                    Py_ssize_t package=1):
    """A population of these weights listens, and is selected after every package but the last."""
    cdef shape form = checked_shape(k, n, l, rule)
    cdef Py_ssize_t step, j
    cdef particles crowd
    cdef heard record
    cdef numbers stream
    check_record(&form, inputs, a, b, package)
    check_range("fewest", fewest, 1, 1 << 18)
    if weights.shape[0] == 0 or weights.shape[1] != k * n:
        raise ValueError("weights has not the shape machines, k*n")
    for step in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            if not -l <= weights[step, j] <= l:
                raise ValueError(f"weights has values outside {-l}..{l}")
    if not (0 < share <= 1 and flip > 0 and doubt > 0):
        raise ValueError("share is not in 0..1, or flip or doubt not positive")
    cdef size_t machines = <size_t>weights.shape[0]
    cdef size_t size = <size_t>(k * n)
    cdef size_t fields = <size_t>(2 * n * l + 1)
    cdef double *scratch = <double *>calloc(
        machines + 2 * fields + <size_t>package + (2 * machines * size + 7) // 8, sizeof(double))
    if scratch == NULL:
        raise MemoryError("no memory for particles")
    crowd.shape = &form
    crowd.machines = machines
    crowd.fewest = <size_t>fewest
    crowd.share = share
    crowd.score = scratch
    crowd.flip = scratch + machines
    crowd.doubt = crowd.flip + fields
    crowd.moves = <uint64_t *>(crowd.doubt + fields)
    crowd.weights = <int8_t *>(crowd.moves + package)
    crowd.spare = crowd.weights + machines * size
    memcpy(crowd.weights, &weights[0, 0], machines * size)
    particles_certainty(&crowd, flip, doubt)
    seed_stream(key, 0, stream.state, 1)
    for step in range(0, inputs.shape[0], package):
        record = heard(&inputs[step, 0], &a[step], &b[step], <size_t>package)
        particles_listen(&crowd, &record, &stream)
        if step + package < inputs.shape[0]:
            particles_select(&crowd, &stream)
    memcpy(&weights[0, 0], crowd.weights, crowd.machines * size)
    left = crowd.machines
    free(scratch)
    return left
