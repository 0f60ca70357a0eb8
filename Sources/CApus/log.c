#include "include/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/loop.h"
#include "logs.h"
#include "raw.h"

enum { LOGS_MAGIC = 0x316c7061, MESSAGE_BYTES = 32768, EVENT_BYTES = 8192 };

struct logs *capus_kept_logs;
struct logs *log_current;
static uint32_t end_of_rings;

static uint32_t table_bytes(uint32_t services) {
  return log_pages(sizeof(struct logs) + services * sizeof(struct ring));
}

void capus_log_each(void (*act)(int32_t fd, int32_t value), int32_t value) {
  if (capus_kept_logs == NULL)
    return;
  act(capus_kept_logs->fd, value);
  for (uint32_t index = 0; index < capus_kept_logs->count; index++)
    for (int end = 0; end < 2; end++) {
      const int32_t fd = log_ring(capus_kept_logs, index)->fds[end];
      if (fd > 2)
        act(fd, value);
    }
}

/* Nobody reads any more: who writes into a full pipe is refused instead of kept waiting. */
static void let_go(int32_t fd, int32_t value) {
  raw3(NR_FCNTL, fd, F_SETFL, value);
}

void capus_log_resume(int32_t fd, int32_t is_read) {
  struct raw_status status;
  if (fd <= 2 || raw_stat(fd, "", AT_EMPTY_PATH, &status) < 0 || status.size < sizeof(struct logs))
    return;
  struct logs *logs = mmap(NULL, (size_t)status.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (logs == MAP_FAILED)
    return;
  madvise(logs, (size_t)status.size, MADV_DONTFORK);
  if (logs->magic != LOGS_MAGIC || logs->ring_bytes < offsetof(struct ring, start) ||
      logs->ring_bytes > 4096 || logs->ring_bytes % _Alignof(struct ring) != 0 ||
      logs->count >= 65536 || logs->size != status.size ||
      sizeof *logs + (uint64_t)logs->count * logs->ring_bytes > logs->size) {
    munmap(logs, (size_t)status.size);
    return;
  }
  logs->fd = fd;
  capus_kept_logs = logs;
  if (!is_read)
    capus_log_each(let_go, O_NONBLOCK);
}

int32_t capus_log_begin(uint32_t services, int32_t echo) {
  log_echo = echo;
  const uint32_t size = table_bytes(services + LOG_OWN_RINGS);
  int fd = memfd_create("apus-log", MFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  struct logs *logs = MAP_FAILED;
  if (log_make_readers(services + LOG_OWN_RINGS) && fallocate(fd, 0, 0, size) == 0)
    logs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (logs != MAP_FAILED)
    madvise(logs, size, MADV_DONTFORK);
  if (logs == MAP_FAILED) {
    close(fd);
    return -ENOMEM;
  }
  *logs = (struct logs){.magic = LOGS_MAGIC,
                        .ring_bytes = sizeof(struct ring),
                        .count = services + LOG_OWN_RINGS,
                        .fd = fd};
  end_of_rings = size;
  log_current = logs;
  capus_log_place(services, 1, &(struct capus_log_rule){.name = "apus", .ring = MESSAGE_BYTES});
  capus_log_place(services + 1, 2, &(struct capus_log_rule){.name = "apus", .ring = EVENT_BYTES});
  return 0;
}

static uint32_t member(int64_t value, uint32_t standard) {
  return value == INT64_MIN ? standard : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

void capus_log_rule_of(struct capus_log_rule *rule, uint32_t record, const int64_t *values,
                       const uint8_t *pool) {
  static const int64_t none[5] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
  const int64_t *members = record == 0 ? none : values + record;
  rule->ring = member(members[0], 16384);
  if (members[1] != INT64_MIN)
    rule->file = (const char *)pool + (members[1] >> 32);
  rule->file_most = member(members[2], 262144);
  rule->keep = member(members[3], 2);
  if (members[4] != INT64_MIN) {
    rule->rate = (uint32_t)(members[4] >> 32);
    rule->window_us = values[(uint32_t)members[4]];
  }
}

void capus_log_place(uint32_t service, uint32_t identity, const struct capus_log_rule *rule) {
  struct ring *ring = log_ring(log_current, service);
  ring->rule = *rule;
  ring->identity = identity;
  ring->start = end_of_rings;
  ring->size = CAPUS_RING_LEAST;
  while (ring->size < CAPUS_RING_MOST && ring->size * 2 <= rule->ring)
    ring->size *= 2;
  end_of_rings += log_pages(ring->size);
}

/* Takes over the pipe of a service, and its lines if they are sound. */
static void adopt(struct ring *ring, struct ring *old) {
  memcpy(ring->fds, old->fds, sizeof ring->fds);
  memset(old->fds, 0, sizeof old->fds);
  old->identity = ~ring->identity;
  if (capus_kept_logs->ring_bytes != sizeof *ring || old->size != ring->size ||
      !log_is_sound(capus_kept_logs, old) || !log_reserve(ring, old->there))
    return;
  struct ring taken = *old;
  taken.start = ring->start;
  taken.identity = ring->identity;
  taken.rule = ring->rule;
  taken.file = 0;
  taken.there = ring->there;
  memcpy(taken.fds, ring->fds, sizeof taken.fds);
  memcpy((char *)log_current + ring->start, (char *)capus_kept_logs + old->start, ring->there);
  *ring = taken;
}

int32_t capus_log_finish(void) {
  if (log_current == NULL)
    return -EBADF;
  void *whole = MAP_FAILED;
  if (ftruncate(log_current->fd, (off_t)end_of_rings) == 0)
    whole = (void *)raw4(SYS_mremap, log_current, table_bytes(log_current->count), end_of_rings,
                         MREMAP_MAYMOVE);
  if ((unsigned long)whole > -4096UL) {
    close(log_current->fd);
    log_current = NULL;
    return -ENOMEM;
  }
  log_current = whole;
  log_current->size = end_of_rings;
  if (capus_kept_logs == NULL)
    capus_kept_logs = log_current;
  for (uint32_t index = 0; capus_kept_logs != log_current && index < log_current->count; index++) {
    struct ring *ring = log_ring(log_current, index);
    for (uint32_t tried = 0; tried < capus_kept_logs->count; tried++) {
      /* Mostly it is at the same place. */
      struct ring *old = log_ring(capus_kept_logs, (index + tried) % capus_kept_logs->count);
      if (old->identity == ring->identity &&
          (old->fds[0] > 2 || index + LOG_OWN_RINGS >= log_current->count)) {
        adopt(ring, old);
        break;
      }
    }
  }
  return log_current->fd;
}

static void close_end(int32_t fd, int32_t value) {
  (void)value;
  raw1(SYS_close, fd);
}

void capus_log_leave(void) {
  struct logs *old = capus_kept_logs;
  if (old == NULL || old == log_current || log_current == NULL)
    return;
  /* The pipes of services that are not there any more, and its own. */
  capus_log_each(close_end, 0);
  munmap(old, old->size);
  capus_kept_logs = log_current;
}

int32_t capus_log_open(uint32_t service, uint32_t uid) {
  struct ring *ring = log_ring(log_current, service);
  int ends[2];
  if (ring == NULL || ring->size == 0)
    return -EBADF;
  if (ring->fds[1] > 2) {
    /* What one life did to it is not for the next one. */
    raw3(NR_FCNTL, ring->fds[1], F_SETFL, O_WRONLY);
    return 0;
  }
  long result = raw2(SYS_pipe2, ends, O_CLOEXEC);
  if (result < 0)
    return (int32_t)result;
  raw3(NR_FCNTL, ends[0], F_SETFL, O_NONBLOCK);
  /* So that it can open /dev/stderr. */
  raw3(NR_FCHOWN, ends[1], uid, -1);
  memcpy(ring->fds, ends, sizeof ring->fds);
  return 1;
}

int32_t capus_log_fd(uint32_t service, int32_t is_write_end) {
  const struct ring *ring = log_ring(log_current, service);
  return ring == NULL || ring->fds[is_write_end] <= 2 ? -1 : ring->fds[is_write_end];
}

int32_t capus_log_channel(uint32_t service) {
  const struct ring *ring = log_ring(log_current, service);
  return ring == NULL || ring->file <= 2 ? -1 : ring->file;
}

const char *capus_log_file(uint32_t service) {
  const struct ring *ring = log_ring(log_current, service);
  return ring == NULL ? NULL : ring->rule.file;
}
