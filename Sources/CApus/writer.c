/* The process that writes a service's log file, because its file system may never answer: it has a
 * copy of the memory and no descriptor but its channel and what it opens. It ends with its channel,
 * when it has written what lies in there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "include/closer.h"
#include "include/loop.h"
#include "logs.h"
#include "raw.h"
#include "steps.h"
#include "walk.h"

enum {
  CHANNEL = 3,
  HIGHEST_SIGNAL = 64,
  RETRY_US = 1000000,
  END_US = 1000000,
  STACK_BYTES = 16384
};

struct errand {
  struct capus_log_rule rule;
  int channel;
};

static struct file {
  int fd; /* 0 for none */
  uint32_t bytes;
} file;

long capus_clone_call(long number, long a, long b, long c, void (*function)(void *),
                      void *argument);

/* NAME.N, or NAME for 0. */
static const char *numbered(char *text, const char *name, uint32_t number) {
  if (number == 0)
    return name;
  char *end = raw_text(raw_text(text, name), ".");
  raw_decimal(end, number);
  return text;
}

static void rotate(const struct walk *walk, uint32_t keep) {
  char from[NAME_MAX + 12], to[NAME_MAX + 12];
  for (uint32_t number = keep; number > 0; number--)
    raw4(SYS_renameat, walk->directory, numbered(from, walk->name, number - 1), walk->directory,
         numbered(to, walk->name, number));
  if (keep == 0)
    raw3(SYS_unlinkat, walk->directory, walk->name, 0);
}

static void close_file(void) {
  if (file.fd > 0)
    raw1(SYS_close, file.fd);
  file.fd = 0;
}

/* Appends to a regular file that is nowhere else: who may write to its folder must not choose what
 * is written to. In a folder that is another's, by the rights of that one. */
static int open_file(const struct capus_log_rule *rule, bool is_full) {
  struct raw_status status;
  struct walk walk;
  int result = (int)capus_walk(&walk, rule->file, WALK_TRUSTED_LINKS, -1);
  if (result < 0)
    return result;
  if (walk.stranger != 0)
    capus_act_as(walk.stranger, walk.status.gid ? walk.status.gid : CAPUS_NOBODY);
  if (is_full)
    rotate(&walk, rule->keep);
  int fd = (int)capus_open_node(&walk, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0640, &status);
  capus_act_as_self();
  raw1(SYS_close, walk.directory);
  if (fd >= 0 && (!S_ISREG(status.mode) || status.links > 1)) {
    raw1(SYS_close, fd);
    fd = -EEXIST;
  }
  if (fd < 0)
    return fd;
  file.fd = fd;
  file.bytes = status.size > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)status.size;
  return 0;
}

static int put(const struct capus_log_rule *rule, const char *bytes, uint32_t count) {
  int error = file.fd > 0 ? 0 : open_file(rule, false);
  if (error == 0 && file.bytes > 0 && file.bytes + count > rule->file_most) {
    close_file();
    error = open_file(rule, true);
  }
  if (error < 0)
    return error;
  const long written = raw3(SYS_write, file.fd, bytes, count);
  if (written > 0)
    file.bytes += (uint32_t)written;
  return written == (long)count ? 0 : written < 0 ? (int)written : -ENOSPC;
}

/* What keeps PID 1 from being killed for want of memory is not for others. */
static void lose_score(void) {
  char score[6] = {0};
  int fd = raw_open(CAPUS_OWN_SCORE, O_RDWR);
  if (fd < 0)
    return;
  if (raw3(SYS_read, fd, score, 5) == 5 && memcmp(score, "-1000", 5) == 0)
    raw3(SYS_write, fd, "0", 1);
  raw1(SYS_close, fd);
}

static void write_lines(void *argument) {
  static char bytes[LOG_OUT_BYTES];
  const struct errand *errand = argument;
  const uint64_t none[8] = {0};
  int32_t told = 0;
  int64_t retry = 0;
  long count;
  for (int signal = 1; signal <= HIGHEST_SIGNAL; signal++)
    raw4(SYS_rt_sigaction, signal, none, 0, 8);
  raw5(SYS_prctl, PR_SET_NAME, "apus-log", 0, 0, 0);
  raw3(SYS_dup3, errand->channel, CHANNEL, O_CLOEXEC);
  capus_close_range(CHANNEL + 1, ~0U);
  capus_close_range(0, CHANNEL - 1);
  lose_score();
  raw2(NR_SETGROUPS, 0, 0);
  while ((count = raw3(SYS_read, CHANNEL, bytes, sizeof bytes)) > 0) {
    if (capus_now() < retry)
      continue;
    const int32_t error = put(&errand->rule, bytes, (uint32_t)count);
    if (error < 0) {
      close_file();
      retry = capus_now() + RETRY_US;
    }
    if (error != told)
      raw6(SYS_sendto, CHANNEL, (long)&error, sizeof error, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    told = error;
  }
  for (;;)
    raw1(SYS_exit_group, 0);
}

int log_writer_start(struct ring *ring) {
  int ends[2];
  struct errand errand = {.rule = ring->rule};
  /* Each writer's own, as all memory is. */
  static _Alignas(16) char stack[STACK_BYTES];
  long result = raw4(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  if (result < 0)
    return (int)result;
  if (ends[1] == CHANNEL) {
    const int other = ends[0];
    ends[0] = ends[1];
    ends[1] = other;
  }
  errand.channel = ends[1];
  capus_closer_settle();
  /* Without a signal at its end no look for children finds it. */
  result = capus_clone_call(SYS_clone, 0, (long)(stack + STACK_BYTES), 0, write_lines, &errand);
  raw1(SYS_close, ends[1]);
  if (result < 0) {
    raw1(SYS_close, ends[0]);
    return (int)result;
  }
  ring->file = ends[0];
  ring->writer = (int32_t)result;
  return 0;
}

static long look(int32_t pid, int options) {
  siginfo_t information = {0};
  const long result = raw5(SYS_waitid, pid > 0 ? P_PID : P_ALL, pid, &information,
                           WEXITED | options | (int)__WCLONE, 0);
  return result < 0 ? result : information.si_pid;
}

void log_writer_close(struct ring *ring) {
  if (ring->file > 2)
    raw1(SYS_close, ring->file);
  ring->file = 0;
  /* Those that were closed before this one. */
  while (look(0, WNOHANG) > 0) {
  }
}

void capus_log_end(void) {
  const int64_t deadline = capus_now() + END_US;
  if (log_current == NULL)
    return;
  for (uint32_t index = 0; index < log_current->count; index++) {
    struct ring *ring = log_ring(log_current, index);
    ring->rule.file = NULL;
    if (ring->file > 2)
      raw1(SYS_close, ring->file);
  }
  for (uint32_t index = 0; index < log_current->count; index++) {
    struct ring *ring = log_ring(log_current, index);
    while (ring->file > 2 && look(ring->writer, WNOHANG) == 0 && capus_now() < deadline)
      poll(NULL, 0, 2);
    ring->file = 0;
  }
}
