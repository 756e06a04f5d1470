#define _GNU_SOURCE /* explicit_bzero */
#define PY_SSIZE_T_CLEAN
#include <Python.h> /* must be first; its headers are not as strict */

#include "strict.h"

#include "hardening.h"

#include <malloc.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int hardening_forbid_dumps(void)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0)
        return -1;
    return setrlimit(RLIMIT_CORE, &none);
}

/* Both types are deallocated through their tp_free, so this is where the content is last known
   together with its size. An interpreter that frees them in another way would wipe less, no more. */
static freefunc free_bytes;
static freefunc free_text;

static void wipe_and_free_bytes(void *object)
{
    explicit_bzero(PyBytes_AS_STRING((PyObject *)object), (size_t)Py_SIZE((PyObject *)object));
    free_bytes(object);
}

static void wipe_and_free_text(void *object)
{
    PyObject *text = object;
    /* Only subclasses keep their characters elsewhere; those are freed before. */
    if (PyUnicode_IS_COMPACT(text))
        explicit_bzero(
            PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text) * PyUnicode_KIND(text)
        );
    free_text(object);
}

/* What C libraries free, and what a buffer leaves behind that a resize moves: glibc fills freed
   memory with the low byte of M_PERTURB, though not the small blocks that it keeps at hand for the
   next allocation (tcache, up to 1032 bytes). New memory gets the complement, zero here. */
static void fill_freed_blocks(void)
{
#ifdef M_PERTURB
    mallopt(M_PERTURB, 0xFF);
#endif
}

void hardening_wipe_freed(void)
{
    if (PyBytes_Type.tp_free == wipe_and_free_bytes)
        return;
    free_bytes = PyBytes_Type.tp_free;
    free_text = PyUnicode_Type.tp_free;
    PyBytes_Type.tp_free = wipe_and_free_bytes;
    PyUnicode_Type.tp_free = wipe_and_free_text;
    fill_freed_blocks();
}
