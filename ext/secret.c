#define _GNU_SOURCE /* explicit_bzero, madvise, syscall */
#include "strict.h"

#include "secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* the same on every architecture that has it */
#endif

static void *map_memfd_secret(size_t size)
{
    long descriptor = syscall(SYS_memfd_secret, 0);
    if (descriptor < 0)
        return MAP_FAILED;
    void *start = MAP_FAILED;
    if (ftruncate((int)descriptor, (off_t)size) == 0)
        start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)descriptor, 0);
    close((int)descriptor);
    return start;
}

int secret_map(struct secret *secret, size_t size, enum secret_protection strongest)
{
    void *start = MAP_FAILED;
    enum secret_protection protection = SECRET_SECRET;
    if (strongest == SECRET_SECRET)
        start = map_memfd_secret(size);
    if (start == MAP_FAILED) {
        start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED)
            return -1;
        protection = SECRET_PLAIN;
        if (strongest != SECRET_PLAIN && mlock(start, size) == 0)
            protection = SECRET_LOCKED;
    }
    madvise(start, size, MADV_DONTDUMP);
    madvise(start, size, MADV_DONTFORK);
    *secret = (struct secret){start, size, protection, getpid()};
    return 0;
}

void secret_wipe(void *start, size_t size)
{
    explicit_bzero(start, size);
}

void secret_unmap(struct secret *secret)
{
    if (secret->start == NULL || secret->owner != getpid())
        return;
    secret_wipe(secret->start, secret->size);
    munmap(secret->start, secret->size);
    secret->start = NULL;
}
