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
/* 1 when a process has several threads and a signal would end it by its default action: it is
 * neither handled, ignored nor blocked by the first one. */
int32_t capus_threads_die_of(int32_t pid, int32_t number);
/* Nanoseconds of processor time a process has used, or -errno. */
int64_t capus_processor_time(int32_t pid);
#endif
