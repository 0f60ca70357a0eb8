/* Processes with a copy of the memory and no descriptor but their channel, for what may never
 * answer: a log file, or a path on a network. */
#ifndef CAPUS_APART_H
#define CAPUS_APART_H

#include <stdint.h>

/* Its end of the channel. */
enum { APART_CHANNEL = 3 };

/* Makes one of that name, which calls the function and ends. What the function answers has come by
 * the channel before that: apus's end of it, or -errno. It ends without a signal, so that no look
 * for children finds it. */
int32_t capus_apart(const char *name, void (*function)(void *), void *argument, int32_t *pid);
/* Whether it, or any for 0, has ended, and reaps it: 0 when it has not, -ECHILD when there is none.
 */
long capus_apart_look(int32_t pid, int options);

#endif
