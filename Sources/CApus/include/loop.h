/* What the loop of PID 1 asks of the kernel. Every function returns -errno when it fails; none
 * blocks but capus_epoll_wait. Every descriptor is close-on-exec from the start. */
#ifndef CAPUS_LOOP_H
#define CAPUS_LOOP_H

#include <stddef.h>
#include <stdint.h>

enum {
  CAPUS_READABLE = 1,
  CAPUS_URGENT = 2,
  CAPUS_WRITABLE = 4,
  CAPUS_BROKEN = 8,
  CAPUS_HUNG_UP = 16,
  CAPUS_ONCE = 1 << 30 /* and not again */
};

struct capus_readiness {
  uint64_t data;
  uint32_t events;
  uint32_t reserved;
};

int32_t capus_epoll_create(void);
int32_t capus_epoll_add(int32_t epoll, int32_t fd, uint32_t events, uint64_t data);
int32_t capus_epoll_change(int32_t epoll, int32_t fd, uint32_t events, uint64_t data);
int32_t capus_epoll_remove(int32_t epoll, int32_t fd);
/* At most 64 at a time. */
int32_t capus_epoll_wait(int32_t epoll, struct capus_readiness *ready, int32_t count,
                         int32_t timeout_ms);

/* CLOCK_BOOTTIME and CLOCK_REALTIME in microseconds. */
int64_t capus_now(void);
int64_t capus_wall_time(void);
/* A timer on CLOCK_BOOTTIME, so that a deadline counts the time the board slept; added to the epoll
 * set once, edge-triggered: it needs no read. `at_us` 0 disarms. */
int32_t capus_timer_create(int32_t epoll, uint64_t data);
int32_t capus_timer_set(int32_t timer, int64_t at_us);
/* A timer that never elapses and becomes readable, edge-triggered, when CLOCK_REALTIME is set. */
int32_t capus_clock_watch(int32_t epoll, uint64_t data);
/* CLOCK_REALTIME minus CLOCK_BOOTTIME in microseconds; the timer, -1 for none, is ready for the
 * next time first. */
int64_t capus_clock_offset(int32_t timer);

/* Blocks every signal but those of a fault, so that they come through a signalfd(2), and gives
 * ignored ones their default back, because a child inherits what is ignored. Also a child that is
 * stopped sends SIGCHLD. Refuses, too, where nobody can be asked who a peer is. */
int32_t capus_take_signals(void);

/* Which system call is refused that apus cannot do without: each is asked once more. */
enum { CAPUS_EPOLL_CREATE, CAPUS_SIGNALFD, CAPUS_SIGPROCMASK, CAPUS_GETSOCKOPT };
int32_t capus_refused_call(void);
int32_t capus_signal_fd(void);
/* The next one: 1, or 0 when there is none. */
int32_t capus_read_signal(int32_t fd, uint32_t *number, int32_t *sender);

struct capus_end {
  int32_t pid;
  uint8_t is_signal;
  uint8_t dumped_core;
  uint8_t number;
};
/* Looks at an ended child without reaping it: the one of a pidfd, or any with -1. 1, or 0 when none
 * has ended. */
int32_t capus_look(int32_t pidfd, struct capus_end *end);
/* Reaps a child that has ended. 1, or 0 when it has not. */
int32_t capus_reap(int32_t pid);
int32_t capus_signal_pidfd(int32_t pidfd, int32_t number);
/* kill(2); a negative pid is a process group. */
int32_t capus_kill(int32_t pid, int32_t number);
int32_t capus_become_subreaper(void);
int32_t capus_pid(void);

int32_t capus_pipe(int32_t *read_end, int32_t *write_end);
int32_t capus_close(int32_t fd);
int32_t capus_open(const char *path, int32_t writable);
int32_t capus_open_terminal(const char *path);
/* 1 when there is a newline in what a pipe holds, 0 when not yet, -1 at its end. */
int32_t capus_read_line(int32_t fd);
int64_t capus_read(int32_t fd, void *bytes, size_t count);
int64_t capus_write(int32_t fd, const void *bytes, size_t count);
/* Writes as much as goes without waiting, also to a standard error that is shared with others:
 * -EAGAIN when the other side takes nothing now. */
int64_t capus_write_now(int32_t fd, const void *bytes, size_t count);
/* The descriptor on which that writes for standard error. */
int32_t capus_errors(void);
/* Reserves memory that costs nothing until it is touched; NULL when there is none. */
void *capus_reserve(size_t count);
/* Gives the pages of a reservation back to the kernel; they read as zero when used again. */
void capus_discard(void *memory, size_t count);
int32_t capus_page_size(void);
/* Makes a page trap. */
int32_t capus_guard(void *page, size_t count);

/* The other end of an accepted connection. */
struct capus_peer {
  uint16_t family; /* AF_* */
  uint16_t port;
  uint32_t uid;        /* unix only */
  uint8_t address[16]; /* network byte order; IPv4 in the first four, mapped ones too */
  uint64_t cookie;     /* SO_COOKIE, 0 without one */
};
int32_t capus_accept(int32_t fd, struct capus_peer *peer);
/* Its address as people write it (RFC 5952), until the next call. */
const char *capus_peer_text(const struct capus_peer *peer);
/* The same of a connection that was accepted before. */
void capus_describe_peer(int32_t connection, struct capus_peer *peer);

/* Makes the tables that the program has relocated at its start read-only (PT_GNU_RELRO): musl does
 * that for programs it loads, not for a static one. Nothing to do where the loader has. */
int32_t capus_seal_relocations(void);
/* The command line, and one variable of the environment or NULL. Only before anything changes the
 * environment. */
char **capus_arguments(int32_t *count);
const char *capus_environment(const char *name);
/* Waits a tenth of a second, where the alternative is to spin. */
void capus_pause(void);

/* What this process is. */
struct capus_self {
  int32_t pid;
  uint32_t uid, gid;
  uint64_t effective, permitted, bounding;
  uint32_t last_capability;
  int32_t nice;
  int32_t oom_score_adjust;
};
void capus_inspect(struct capus_self *self);
/* Its supplementary groups, how many there are, or -errno; and its limits by RLIMIT_* number. */
int32_t capus_own_groups(uint32_t *groups, int32_t capacity);
void capus_own_limit(int32_t resource, uint64_t *soft, uint64_t *hard);

/* Lets this process have that many descriptors, or as many as it may. */
void capus_raise_files(uint64_t least);
/* Resident memory of a process in bytes (/proc/PID/statm), or -errno. */
int64_t capus_resident_bytes(int32_t pid);
/* The number of the system call for which SIGSYS has just ended a process, as the kernel's log has
 * it, or -1: only root may read that, and it needs CONFIG_AUDIT. What writes there may be late, so
 * this waits for up to 3 ms. */
int32_t capus_denied_call(int32_t pid);
/* A word of the command line as a path from the root, which is good in any folder. */
const char *capus_path_argument(int32_t index);
/* Another number whenever /etc/passwd or /etc/group is another file or has changed; never 0. */
uint64_t capus_users_stamp(void);
/* Gives apus the oom_score_adj -1000, before it has any child. */
void capus_spare_self(void);
/* The mode mask children start with. */
void capus_set_umask(uint32_t mask);

#endif
