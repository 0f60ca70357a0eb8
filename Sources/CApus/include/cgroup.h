/* Control groups of services (cgroup v2): one below the group that apus itself was started in,
 * found again by its name alone. A function that is given a service's name returns -errno when it
 * fails, also when there are no groups at all. */
#ifndef CAPUS_CGROUP_H
#define CAPUS_CGROUP_H
#include <stdint.h>

/* Opens the place of the groups. Their names are "apus.SERVICE", or "apus-NUMBER.SERVICE" unless
 * the number is 0, which keeps supervisors in one place out of each other's way. */
int32_t capus_cgroup_begin(uint64_t number);
enum { CAPUS_MEMORY = 1, CAPUS_PIDS = 2, CAPUS_CPU = 4, CAPUS_IO = 8 };
/* Enables controllers for the groups. Where the kernel wants no processes beside them, apus goes
 * into a group of its own; what others have there keeps it from that: -EBUSY. */
int32_t capus_cgroup_enable(uint32_t controllers);
/* The directory of a service's group, which is made with its limits unless it is there; `again`
 * sets them in one that is there, too, so that they are those of today's manifest. `limits` is NULL
 * or memory.max, memory.high, pids.max, percent of cpu.max, cpu.weight, io.weight, memory.oom.group
 * and 1 where it may go on without: INT64_MIN sets none, INT64_MAX is "max". */
int32_t capus_cgroup_make(const char *service, const int64_t *limits, int32_t again);
int32_t capus_cgroup_open(const char *service);
/* 1 when a child may be born in a group, 0 when it has to enter by itself. */
int32_t capus_cgroup_bears(int32_t group);
/* Has children of a service enter its group by themselves, until it is made anew. */
void capus_cgroup_spend(const char *service);
/* Kills every process of the group; without one, those of the session that `leader` began, which
 * must not be reaped yet. 1 when there was one besides the leader, else 0. */
int32_t capus_cgroup_kill(const char *service, int32_t leader);
/* 1 when a process is in the group of a service or below it, 0 when not or when it is gone. */
int32_t capus_cgroup_has(const char *service, int32_t pid);
/* The first process of the group for which `is_it` says so, 0 for none. */
int32_t capus_cgroup_each(const char *service, int32_t (*is_it)(int32_t pid, int32_t main),
                          int32_t main);
/* A number of the group: what follows `key` in a file of one, or the file's only one with "". */
int64_t capus_cgroup_number(const char *service, const char *file, const char *key);
/* Removes an empty group. */
int32_t capus_cgroup_remove(const char *service);
/* Leaves the group that apus went into itself. */
void capus_cgroup_end(void);

/* Freezes every process of a group, or lets them go on (Linux 5.2). It takes a moment. */
int32_t capus_cgroup_freeze(int32_t group, int32_t on);
/* 1 once all are frozen, else 0, or -errno. */
int32_t capus_cgroup_is_frozen(int32_t group);
#endif
