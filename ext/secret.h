/* Memory for secrets: outside swap and core dumps, not inherited by forks, wiped when freed. */
#ifndef DYNAMICRYPT_SECRET_H
#define DYNAMICRYPT_SECRET_H

#include <stddef.h>
#include <sys/types.h>

/* How well a mapping is protected, weakest first. Every mapping is left out of core dumps. */
enum secret_protection {
    SECRET_PLAIN,  /* the system allowed no more */
    SECRET_LOCKED, /* mlock(2): never swapped */
    SECRET_SECRET  /* memfd_secret(2): unmapped from the kernel too, unreadable even for root */
};

struct secret {
    void *start;
    size_t size; /* as asked for; the mapping is rounded up to whole pages */
    enum secret_protection protection;
    pid_t owner;
};

/* Maps `size` > 0 zero bytes with the best protection up to `strongest` that the system grants.
   Returns 0, or -1 with errno set if there is no memory at all. */
int secret_map(struct secret *secret, size_t size, enum secret_protection strongest);

/* Overwrites with zeros in a way that the compiler keeps. */
void secret_wipe(void *start, size_t size);

/* Wipes and unmaps; nothing in a forked child, which never had the mapping. */
void secret_unmap(struct secret *secret);

#endif
