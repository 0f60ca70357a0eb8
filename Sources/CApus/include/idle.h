/* Whether a running service is idle. Nothing blocks; a look at what other programs fill is
 * bounded. */
#ifndef CAPUS_IDLE_H
#define CAPUS_IDLE_H
#include <stdint.h>

enum capus_traffic {
  CAPUS_QUIET, /* no connection, and none waits */
  CAPUS_BUSY,
  CAPUS_UNCONNECTED, /* nothing waits; a socket of this kind has no connections */
};
/* What a listener's queue and the connections accepted from it say: enum capus_traffic, or -errno
 * when the kernel does not tell. Asks sock_diag(7), and /proc/net where the kernel has no module
 * for that, or with `asks` 0. Sees the network namespace of apus, and what has closed on both sides
 * no more. */
int32_t capus_traffic(int32_t listener, int32_t asks);
/* 1 once every thread of a child has stopped, else 0. */
int32_t capus_is_stopped(int32_t pid);
/* How many threads of a process a signal would end by its default action: 0 when it is handled,
 * ignored or blocked by the first one. */
int32_t capus_threads_that_die_of(int32_t pid, int32_t number);
/* Has the kernel drop what clients of a TCP listener send until capus_let_in: they send it again,
 * a second later at first, so that none is accepted or refused meanwhile. 1 when it does, 0 for
 * other sockets and for one with a filter of the service's own. */
int32_t capus_hold_off(int32_t listener);
void capus_let_in(int32_t listener);
/* Nanoseconds of processor time a process has used, or -errno. */
int64_t capus_processor_time(int32_t pid);
#endif
