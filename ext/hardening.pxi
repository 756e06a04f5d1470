# What a process does to keep its memory to itself (hardening.h).

cdef extern from "hardening.h":
    int hardening_forbid_dumps() nogil
    void hardening_wipe_freed() noexcept


def forbid_dumps():
    """Allow no core dump and no reader of this process's memory but root."""
    if hardening_forbid_dumps() != 0:
        raise OSError("the operating system does not forbid core dumps")


def wipe_freed():
    """Overwrite what is freed, from now on."""
    hardening_wipe_freed()
