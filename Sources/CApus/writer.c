/* The process that writes a service's log file, because its file system may never answer: it has a
 * copy of the memory and no descriptor but its channel and what it opens. It ends with its channel,
 * when it has written what lies in there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "apart.h"
#include "include/loop.h"
#include "logs.h"
#include "raw.h"
#include "steps.h"
#include "walk.h"

enum { RETRY_US = 1000000, END_US = 1000000 };

struct task {
  struct capus_log_rule rule;
  int32_t before; /* the writer that the program before this one had, if it still writes */
};

static struct file {
  int fd; /* 0 for none */
  uint32_t bytes;
} file;

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

static void write_lines(void *argument) {
  static char bytes[LOG_OUT_BYTES];
  const struct task *task = argument;
  int32_t told = 0;
  int64_t retry = 0;
  long count;
  /* What that one has not written yet comes first. */
  struct pollfd last = {.events = POLLIN};
  if (task->before > 0 && (last.fd = (int)raw2(NR_PIDFD_OPEN, task->before, 0)) >= 0) {
    poll(&last, 1, END_US / 1000);
    raw1(SYS_close, last.fd);
  }
  raw2(NR_SETGROUPS, 0, 0);
  while ((count = raw3(SYS_read, APART_CHANNEL, bytes, sizeof bytes)) > 0) {
    if (capus_now() < retry)
      continue;
    const int32_t error = put(&task->rule, bytes, (uint32_t)count);
    if (error < 0) {
      close_file();
      retry = capus_now() + RETRY_US;
    }
    if (error != told)
      raw6(SYS_sendto, APART_CHANNEL, (long)&error, sizeof error, MSG_DONTWAIT | MSG_NOSIGNAL, 0,
           0);
    told = error;
  }
}

int log_writer_start(struct ring *ring) {
  /* The ring's own may be shared. */
  struct task task = {.rule = ring->rule};
  if (ring->writer > 0 && capus_apart_look(ring->writer, WNOHANG | WNOWAIT) == 0)
    task.before = ring->writer;
  const int32_t channel = capus_apart("apus-log", write_lines, &task, &ring->writer);
  if (channel > 0)
    ring->file = channel;
  return channel < 0 ? channel : 0;
}

void log_writer_close(struct ring *ring) {
  if (ring->file > 2)
    raw1(SYS_close, ring->file);
  ring->file = ring->writer = 0;
  /* Those that were closed before this one. */
  while (capus_apart_look(0, WNOHANG) > 0) {
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
    while (ring->file > 2 && capus_apart_look(ring->writer, WNOHANG) == 0 && capus_now() < deadline)
      poll(NULL, 0, 2);
    ring->file = 0;
  }
}
