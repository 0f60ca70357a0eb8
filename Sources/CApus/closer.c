#include "include/closer.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "errand.h"
#include "include/loop.h"
#include "steps.h"

/* ARMv6 has the instructions for this only as ARM code; libgcc brings 4 kB in their place. */
#if defined(__arm__)
#pragma clang attribute push(__attribute__((target("arm"))), apply_to = function)
#endif

enum {
  ENTRIES = 2048,
  CLOSERS = 64, /* of a yard */
  STACK_BYTES = 8192,
  RIGHTS_AT_MOST = 253, /* SCM_MAX_FD */
  FEW = 16,
  MANY = 256,
  HIGHEST_SIGNAL = 64,
};
/* Files have closers of their own: one of FUSE can neither be closed nor the closer killed before
 * its server answers. The close(2) of everything else ends with a signal. */
enum { OTHERS, FILES, YARDS };

/* How long one close(2) may take, the shorter the more wait; how long a closer stays without work;
 * when to try again where none can be made. */
static const int64_t patience_us = 1000000, little_us = 100000, least_us = 5000, idle_us = 200000,
                     retry_us = 100000;

#if defined(__arm__)
#define NR_FUTEX 422 /* with 64-bit times (Linux 5.1) */
#else
#define NR_FUTEX SYS_futex
#endif

/* Entries are numbered from 0 on and lie in a ring. */
struct shared {
  atomic_uint put, taken;
  atomic_uint busy[CLOSERS]; /* one more than the number of the entry being closed, 0 for none */
  int32_t fds[ENTRIES];
};

struct yard {
  struct shared *shared;
  int32_t pids[CLOSERS];
  int current; /* the closer that takes entries, -1 for none */
  unsigned woken, seen;
  int64_t seen_at;
};

struct post {
  struct shared *shared;
  atomic_uint *busy;
};

static struct yard yards[YARDS];
static struct post post;
static unsigned lost;
static _Alignas(16) char stack[STACK_BYTES];

long capus_clone_call(long number, long a, long b, long c, void (*function)(void *),
                      void *argument);

/* The closer. Its memory is its own but for what is shared. */
CHILD void close_all(void *argument) {
  const struct post own = *(const struct post *)argument;
  const struct { int64_t seconds, nanoseconds; } idle = {0, idle_us * 1000};
  const uint64_t none[8] = {0};
  raw5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  raw5(SYS_prctl, PR_SET_NAME, "apus-close", 0, 0, 0);
  for (int signal = 1; signal <= HIGHEST_SIGNAL; signal++)
    raw4(SYS_rt_sigaction, signal, none, 0, 8);
  for (;;) {
    unsigned at = atomic_load(&own.shared->taken);
    if (at == atomic_load(&own.shared->put)) {
      long result = raw6(NR_FUTEX, (long)&own.shared->put, FUTEX_WAIT, (long)at, (long)&idle, 0, 0);
      if (result < 0 && result != -EAGAIN && result != -EINTR)
        raw1(SYS_exit_group, 0);
      continue;
    }
    int32_t fd = own.shared->fds[at % ENTRIES];
    atomic_store(own.busy, at + 1);
    if (atomic_compare_exchange_strong(&own.shared->taken, &at, at + 1))
      raw1(SYS_close, fd);
    atomic_store(own.busy, 0);
  }
}

static int start_closer(struct yard *yard) {
  for (int index = 0; index < CLOSERS; index++) {
    if (yard->pids[index] != 0)
      continue;
    post = (struct post){yard->shared, &yard->shared->busy[index]};
    atomic_store(post.busy, 0);
    /* Without a signal at its end no look for children finds it. */
    long pid =
        capus_clone_call(SYS_clone, CLONE_FILES, (long)(stack + STACK_BYTES), 0, close_all, &post);
    if (pid <= 0)
      return -1;
    yard->pids[index] = (int32_t)pid;
    return index;
  }
  return -1;
}

/* How many are there. */
static int reap_closers(struct yard *yard) {
  int count = 0;
  for (int index = 0; index < CLOSERS; index++) {
    siginfo_t information = {0};
    if (yard->pids[index] == 0)
      continue;
    long result = raw5(SYS_waitid, P_PID, yard->pids[index], &information,
                       WEXITED | WNOHANG | (int)__WCLONE, 0);
    if (result == 0 && information.si_pid == 0) {
      count++;
      continue;
    }
    yard->pids[index] = 0;
    if (index == yard->current)
      yard->current = -1;
  }
  return count;
}

void capus_closer_begin(void) {
  for (int index = 0; index < YARDS && yards[index].shared == NULL; index++) {
    long start = raw6(NR_MMAP, 0, sizeof(struct shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if ((unsigned long)start > -4096UL)
      return;
    yards[index].current = -1;
    yards[index].shared = (struct shared *)start;
  }
}

static uint32_t backlog(const struct yard *yard) {
  return yard->shared ? atomic_load(&yard->shared->put) - atomic_load(&yard->shared->taken) : 0;
}

uint32_t capus_closer_backlog(void) {
  return backlog(&yards[OTHERS]) + backlog(&yards[FILES]);
}

uint32_t capus_closer_lost(void) {
  return lost;
}

uint32_t capus_kind_of(int32_t fd, uint32_t *major, uint32_t *minor) {
  struct raw_status status;
  if (raw_stat(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, &status) < 0)
    return S_IFREG;
  if (major && minor) {
    *major = status.device[0];
    *minor = status.device[1];
  }
  return status.mode & S_IFMT;
}

static struct yard *yard_of(int32_t fd) {
  const uint32_t kind = capus_kind_of(fd, NULL, NULL);
  return &yards[kind == S_IFSOCK || kind == S_IFIFO || kind == 0 ? OTHERS : FILES];
}

static void put_into(struct yard *yard, int32_t fd) {
  if (yard->shared == NULL) {
    raw1(SYS_close, fd);
  } else if (backlog(yard) >= ENTRIES) {
    lost++;
  } else {
    unsigned at = atomic_load(&yard->shared->put);
    yard->shared->fds[at % ENTRIES] = fd;
    atomic_store(&yard->shared->put, at + 1);
  }
}

void capus_put_away(int32_t fd) {
  if (fd >= 0)
    put_into(yard_of(fd), fd);
}

static int64_t patience(const struct yard *yard) {
  const uint32_t waiting = backlog(yard);
  return yard == &yards[FILES] ? least_us
         : waiting < FEW       ? patience_us
         : waiting < MANY      ? little_us
                               : least_us;
}

static int is_done(const struct yard *yard) {
  return backlog(yard) == 0 &&
         (yard->current < 0 || atomic_load(&yard->shared->busy[yard->current]) == 0);
}

static int64_t look_at(struct yard *yard, int64_t now_us) {
  int count = 0;
  for (int index = 0; yard->shared && index < CLOSERS; index++)
    count += yard->pids[index] != 0;
  if (count == 0 && backlog(yard) == 0)
    return INT64_MAX;
  count = reap_closers(yard);
  if (is_done(yard))
    return count == 0 ? INT64_MAX : now_us + idle_us + idle_us / 4;
  unsigned busy = yard->current < 0 ? 0 : atomic_load(&yard->shared->busy[yard->current]);
  if (busy != yard->seen || busy == 0) {
    yard->seen = busy;
    yard->seen_at = now_us;
  } else if (now_us - yard->seen_at >= patience(yard)) {
    raw2(SYS_kill, yard->pids[yard->current], SIGKILL);
    yard->current = -1;
  }
  if (yard->current < 0) {
    yard->seen = 0;
    yard->seen_at = now_us;
    if (backlog(yard) == 0)
      return now_us + little_us;
    yard->current = start_closer(yard);
    if (yard->current < 0)
      return now_us + retry_us;
  } else if (yard->woken != atomic_load(&yard->shared->put)) {
    raw6(NR_FUTEX, (long)&yard->shared->put, FUTEX_WAKE, 1, 0, 0, 0);
  }
  yard->woken = atomic_load(&yard->shared->put);
  /* One that has finished waits to be reaped soon. */
  const int64_t due = yard->seen_at + patience(yard), soon = now_us + idle_us + idle_us / 4;
  return due < soon ? due : soon;
}

int64_t capus_closer_look(int64_t now_us) {
  const int64_t others = look_at(&yards[OTHERS], now_us), files = look_at(&yards[FILES], now_us);
  return others < files ? others : files;
}

void capus_put_away_soon(int32_t fd) {
  enum { ROUNDS = 20 };
  capus_put_away(fd);
  for (int round = 0; round < ROUNDS && yards[OTHERS].shared != NULL; round++) {
    look_at(&yards[OTHERS], capus_now());
    if (is_done(&yards[OTHERS]))
      return;
    poll(NULL, 0, 1);
  }
}

void capus_closer_settle(void) {
  enum { ROUNDS = 5 };
  for (int round = 0; round < ROUNDS && backlog(&yards[FILES]) > 0; round++) {
    look_at(&yards[FILES], capus_now());
    if (yards[FILES].current < 0)
      return;
    poll(NULL, 0, 1);
  }
}

void capus_closer_leave(void) {
  capus_errand_leave();
  for (struct yard *yard = yards; yard < yards + YARDS && yard->shared; yard++) {
    for (int index = 0; index < CLOSERS; index++)
      if (yard->pids[index] != 0)
        raw2(SYS_kill, yard->pids[index], SIGKILL);
    /* What is closed by execve(2) is closed by this process. */
    const unsigned end = atomic_load(&yard->shared->put);
    for (unsigned at = atomic_load(&yard->shared->taken); at != end; at++)
      raw3(NR_FCNTL, yard->shared->fds[at % ENTRIES], F_SETFD, 0);
  }
}

void capus_closer_resume(void) {
  uint64_t limit[2] = {0, 0};
  siginfo_t information;
  for (int index = 0; index < YARDS * CLOSERS; index++)
    raw5(SYS_waitid, P_ALL, 0, &information, WEXITED | WNOHANG | (int)__WCLONE, 0);
  raw4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, limit);
  capus_closer_begin();
  for (int32_t fd = 3; (uint64_t)fd < limit[0] && fd < 1 << 20; fd++)
    if (raw2(NR_FCNTL, fd, F_GETFD) == 0) {
      raw3(NR_FCNTL, fd, F_SETFD, FD_CLOEXEC);
      capus_put_away(fd);
    }
}

int64_t capus_receive_only(int32_t fd, void *bytes, size_t capacity, int32_t flags) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(RIGHTS_AT_MOST * sizeof(int)) +
                                        CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(256)];
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  long count = raw3(SYS_recvmsg, fd, &message, flags | MSG_CMSG_CLOEXEC);
  if (count < 0)
    return count;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    int given;
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
      continue;
    for (size_t at = CMSG_LEN(0); at + sizeof given <= head->cmsg_len; at += sizeof given) {
      memcpy(&given, (const char *)head + at, sizeof given);
      capus_put_away(given);
    }
  }
  return count;
}

#if defined(__arm__)
#pragma clang attribute pop
#endif
