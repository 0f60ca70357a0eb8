#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "include/control.h"
#include "include/loop.h"
#include "logs.h"
#include "raw.h"

enum { OUT_BYTES = 4096 };
/* A file takes its bytes into memory and writes them later; one that fails, or that made us wait,
 * is left alone for a while. */
enum { SLOW_US = 100000, RETRY_US = 1000000, PAUSE_US = 10000000 };

int32_t log_echo;
int log_file_error;
/* For the file and for the echo of the service that is being read. */
static struct out {
  uint32_t count;
  uint8_t bytes[OUT_BYTES];
} outs[2];

/* PATH.N, or PATH for 0. */
static const char *numbered(char *name, const char *path, uint32_t number) {
  size_t count = strlen(path);
  if (number == 0)
    return path;
  memcpy(name, path, count);
  name[count++] = '.';
  if (number >= 100)
    name[count++] = '1';
  if (number >= 10)
    name[count++] = (char)('0' + number / 10 % 10);
  name[count++] = (char)('0' + number % 10);
  name[count] = 0;
  return name;
}

static void rotate(const struct capus_log_rule *rule) {
  char from[PATH_MOST + 5], to[PATH_MOST + 5];
  /* Of one with a longer path none is kept. */
  const uint32_t keep = strlen(rule->file) > PATH_MOST ? 0 : rule->keep;
  for (uint32_t number = keep; number > 0; number--)
    raw4(SYS_renameat, AT_FDCWD, numbered(from, rule->file, number - 1), AT_FDCWD,
         numbered(to, rule->file, number));
  if (keep == 0)
    raw3(SYS_unlinkat, AT_FDCWD, rule->file, 0);
}

/* Appends to a regular file that is nowhere else: who may write to its folder must not choose what
 * is written to. */
ONCE static int open_file(struct ring *ring) {
  struct raw_status status;
  int fd = (int)raw4(SYS_openat, AT_FDCWD, ring->rule.file,
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW |
                         O_NOCTTY | O_LARGEFILE,
                     0640);
  if (fd < 0)
    return fd;
  if (raw_stat(fd, "", AT_EMPTY_PATH, &status) < 0 || !S_ISREG(status.mode) || status.links > 1) {
    raw1(SYS_close, fd);
    return -EEXIST;
  }
  ring->file = fd;
  ring->file_bytes = status.size > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)status.size;
  return 0;
}

ONCE static void close_file(struct ring *ring) {
  if (ring->file > 2)
    raw1(SYS_close, ring->file);
  ring->file = 0;
}

static int write_file(struct ring *ring, const struct out *out) {
  int error = ring->file > 2 ? 0 : open_file(ring);
  if (error == 0 && ring->file_bytes > 0 && ring->file_bytes + out->count > ring->rule.file_most) {
    close_file(ring);
    rotate(&ring->rule);
    error = open_file(ring);
  }
  if (error < 0)
    return error;
  long written = raw3(SYS_write, ring->file, out->bytes, out->count);
  if (written > 0)
    ring->file_bytes += (uint32_t)written;
  return written == (long)out->count ? 0 : written < 0 ? (int)written : -ENOSPC;
}

ONCE void log_flush(struct ring *ring, int is_echo) {
  struct out *out = &outs[is_echo];
  const int64_t before = capus_now();
  if (out->count > 0 && is_echo) {
    capus_write_now(log_echo, out->bytes, out->count);
  } else if (out->count > 0 && before >= ring->file_retry) {
    const int error = write_file(ring, out);
    const int64_t after = capus_now();
    if (error < 0) {
      if (!(ring->state & FILE_FAILED))
        log_file_error = error;
      close_file(ring);
    }
    ring->state = (ring->state & ~FILE_FAILED) | (error < 0 ? FILE_FAILED : 0);
    ring->file_retry = after - before > SLOW_US ? after + PAUSE_US
                       : error < 0              ? after + RETRY_US
                                                : 0;
  }
  out->count = 0;
}

void log_pass(struct ring *ring, uint32_t at, uint32_t count) {
  for (int is_echo = 0; is_echo < 2; is_echo++) {
    struct out *out = &outs[is_echo];
    if (is_echo ? log_echo < 0 : ring->rule.file == NULL)
      continue;
    if (out->count + CAPUS_LINE_BYTES + 72 > OUT_BYTES)
      log_flush(ring, is_echo);
    uint8_t *end = out->bytes + out->count;
    if (is_echo) {
      for (const char *name = ring->rule.name; *name != 0; name++)
        *end++ = (uint8_t)*name;
      *end++ = ':';
      *end++ = ' ';
    }
    log_copy(log_current, ring, at, end, count, 0);
    end += count;
    *end++ = '\n';
    out->count = (uint32_t)(end - out->bytes);
  }
}
