/* What a process does to keep its memory to itself. */
#ifndef DYNAMICRYPT_HARDENING_H
#define DYNAMICRYPT_HARDENING_H

/* No core dumps, and no debugger or reader of /proc/PID/mem but root's (prctl(2), setrlimit(2)).
   A change of the user undoes the former. Returns 0, or -1 with errno set. */
int hardening_forbid_dumps(void);

/* From now on every bytes and every str object is overwritten when it is freed, and with glibc every
   larger block that anybody frees. Call it with the GIL held; the second call does nothing. */
void hardening_wipe_freed(void);

#endif
