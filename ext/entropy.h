/* Random bytes of the operating system, straight into their place. */
#ifndef DYNAMICRYPT_ENTROPY_H
#define DYNAMICRYPT_ENTROPY_H

#include <stddef.h>

/* Fills the buffer by getrandom(2), waiting once after boot. Returns 0, or -1 with errno set. */
int entropy_fill(void *buffer, size_t size);

#endif
