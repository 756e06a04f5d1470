#define _GNU_SOURCE /* getrandom */
#include "strict.h"

#include "entropy.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

int entropy_fill(void *buffer, size_t size)
{
    uint8_t *place = buffer;
    while (size > 0) {
        const ssize_t got = getrandom(place, size, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        place += got;
        size -= (size_t)got;
    }
    return 0;
}
