#include "include/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/control.h"
#include "include/loop.h"
#include "layout.h"
#include "raw.h"

enum { LOGS_MAGIC = 0x316c7061, READERS = 16, READ_BYTES = 4096, OUT_BYTES = 4096 };
/* A file takes its bytes into memory and writes them later; one that fails, or that made us wait,
 * is left alone for a while. */
enum { SLOW_US = 100000, RETRY_US = 1000000, PAUSE_US = 10000000 };

enum { OPEN = 1, SKIPPING = 2, GOES_ON = 4, FILE_FAILED = 8 };
/* One that is small enough to have a copy at each call is larger than the call. */
#define ONCE __attribute__((noinline))

/* Before the bytes of each line. */
struct head {
  int64_t at;
  uint32_t number; /* lines before it, those that were lost too */
  uint16_t count;
  uint8_t level;
  uint8_t prefix; /* how many of its bytes say the level */
};

/* Where a reader stands in a ring: the next line, and how many it has had or knows to be lost. */
struct place {
  uint32_t at, number;
};

/* What a reader was given last, and its place behind that, which counts once it asks for the next.
 */
struct given {
  uint32_t count, service;
  struct place next;
};

struct logs *capus_kept_logs;
static struct logs *current;
static uint32_t end_of_rings;
static struct place *places;
static uint32_t place_count;
static struct given given[READERS];
static int32_t echo_fd;
static int file_error;
static uint8_t input[READ_BYTES];
/* For the file and for the echo of the service that is being read. */
static struct out {
  uint32_t count;
  uint8_t bytes[OUT_BYTES];
} outs[2];

ONCE static uint32_t in_pages(uint32_t bytes) {
  const uint32_t page = (uint32_t)capus_page_size();
  return (bytes + page - 1) / page * page;
}

static uint32_t table_bytes(uint32_t services) {
  return in_pages(sizeof(struct logs) + services * sizeof(struct ring));
}

ONCE static struct ring *ring_at(struct logs *logs, uint32_t service) {
  return logs != NULL && service < logs->count
             ? (struct ring *)(void *)((char *)(logs + 1) + (size_t)service * logs->ring_bytes)
             : NULL;
}

void capus_log_each(void (*act)(int32_t fd, int32_t value), int32_t value) {
  if (capus_kept_logs == NULL)
    return;
  act(capus_kept_logs->fd, value);
  for (uint32_t index = 0; index < capus_kept_logs->count; index++)
    for (int end = 0; end < 2; end++) {
      const int32_t fd = ring_at(capus_kept_logs, index)->fds[end];
      if (fd > 2)
        act(fd, value);
    }
}

/* Nobody reads any more: who writes into a full pipe is refused instead of kept waiting. */
static void let_go(int32_t fd, int32_t value) {
  raw3(NR_FCNTL, fd, F_SETFL, value);
}

void capus_log_resume(int32_t fd, int32_t is_read) {
  struct stat status;
  if (fd <= 2 || fstat(fd, &status) < 0 || status.st_size < (off_t)sizeof(struct logs))
    return;
  struct logs *logs = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (logs == MAP_FAILED)
    return;
  if (logs->magic != LOGS_MAGIC || logs->ring_bytes < offsetof(struct ring, start) ||
      logs->ring_bytes > 4096 || logs->count >= 65536 || logs->size != (uint64_t)status.st_size ||
      sizeof *logs + (uint64_t)logs->count * logs->ring_bytes > logs->size) {
    munmap(logs, (size_t)status.st_size);
    return;
  }
  logs->fd = fd;
  capus_kept_logs = logs;
  if (!is_read)
    capus_log_each(let_go, O_NONBLOCK);
}

int32_t capus_log_begin(uint32_t services, int32_t echo) {
  echo_fd = echo;
  const uint32_t size = table_bytes(services);
  int fd = memfd_create("apus-log", MFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  if (services > place_count) {
    places = raw_map((size_t)READERS * services * sizeof *places, MAP_NORESERVE);
    place_count = places == NULL ? 0 : services;
  }
  struct logs *logs = MAP_FAILED;
  if (place_count >= services && fallocate(fd, 0, 0, size) == 0)
    logs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (logs == MAP_FAILED) {
    close(fd);
    return -ENOMEM;
  }
  *logs = (struct logs){
      .magic = LOGS_MAGIC, .ring_bytes = sizeof(struct ring), .count = services, .fd = fd};
  end_of_rings = size;
  current = logs;
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
  struct ring *ring = ring_at(current, service);
  ring->rule = *rule;
  ring->identity = identity;
  ring->start = end_of_rings;
  ring->size = CAPUS_RING_LEAST;
  while (ring->size < CAPUS_RING_MOST && ring->size * 2 <= rule->ring)
    ring->size *= 2;
  end_of_rings += in_pages(ring->size);
}

/* Copies into the ring, or out of it. */
ONCE static void copy(struct logs *logs, const struct ring *ring, uint32_t at, void *bytes,
                      uint32_t count, int is_write) {
  uint8_t *start = (uint8_t *)logs + ring->start, *outside = bytes;
  at &= ring->size - 1;
  while (count > 0) {
    uint32_t part = ring->size - at < count ? ring->size - at : count;
    memcpy(is_write ? start + at : outside, is_write ? outside : start + at, part);
    outside += part;
    count -= part;
    at = 0;
  }
}

ONCE static void get_head(struct logs *logs, const struct ring *ring, uint32_t at,
                          struct head *head) {
  copy(logs, ring, at, head, sizeof *head, 0);
}

ONCE static void put_head(const struct ring *ring, uint32_t at, struct head *head) {
  copy(current, ring, at, head, sizeof *head, 1);
}

/* Makes the memory for what is written next; a page that is not there would be a SIGBUS. */
ONCE static int reserve(struct ring *ring, uint32_t end) {
  if (end > ring->size)
    end = ring->size;
  if (end <= ring->there)
    return 1;
  end = in_pages(end);
  if (fallocate(current->fd, 0, (off_t)(ring->start + ring->there), (off_t)(end - ring->there)) < 0)
    return 0;
  ring->there = end;
  return 1;
}

/* Do the lines of a ring add up? */
static int is_sound(struct logs *logs, const struct ring *ring) {
  struct head head;
  uint32_t at = ring->written - ring->used;
  uint32_t last = at;
  if (ring->used > ring->size || ring->size > CAPUS_RING_MOST || (ring->size & (ring->size - 1)) ||
      (uint64_t)ring->start + ring->size > logs->size)
    return 0;
  while (at != ring->written) {
    if (ring->written - at < sizeof head)
      return 0;
    get_head(logs, ring, at, &head);
    if (head.count > CAPUS_LINE_BYTES || ring->written - at < sizeof head + head.count)
      return 0;
    last = at;
    at += sizeof head + head.count;
  }
  return !(ring->state & OPEN) || (ring->used > 0 && last == ring->open_at);
}

/* Takes over the pipe of a service, and its lines if they are sound. */
static void adopt(struct ring *ring, struct ring *old) {
  memcpy(ring->fds, old->fds, sizeof ring->fds);
  memset(old->fds, 0, sizeof old->fds);
  old->identity = ~ring->identity;
  if (capus_kept_logs->ring_bytes != sizeof *ring || old->size != ring->size ||
      !is_sound(capus_kept_logs, old) || !reserve(ring, old->there))
    return;
  struct ring taken = *old;
  taken.start = ring->start;
  taken.identity = ring->identity;
  taken.rule = ring->rule;
  taken.file = 0;
  taken.there = ring->there;
  memcpy(taken.fds, ring->fds, sizeof taken.fds);
  memcpy((char *)current + ring->start, (char *)capus_kept_logs + old->start, ring->there);
  *ring = taken;
}

int32_t capus_log_finish(void) {
  if (current == NULL)
    return -EBADF;
  void *whole = MAP_FAILED;
  if (ftruncate(current->fd, (off_t)end_of_rings) == 0)
    whole = (void *)raw4(SYS_mremap, current, table_bytes(current->count), end_of_rings,
                         MREMAP_MAYMOVE);
  if ((unsigned long)whole > -4096UL) {
    close(current->fd);
    current = NULL;
    return -ENOMEM;
  }
  current = whole;
  current->size = end_of_rings;
  if (capus_kept_logs == NULL)
    capus_kept_logs = current;
  for (uint32_t index = 0; capus_kept_logs != current && index < current->count; index++) {
    struct ring *ring = ring_at(current, index);
    for (uint32_t tried = 0; tried < capus_kept_logs->count; tried++) {
      /* Mostly it is at the same place. */
      struct ring *old = ring_at(capus_kept_logs, (index + tried) % capus_kept_logs->count);
      if (old->identity == ring->identity && old->fds[0] > 2) {
        adopt(ring, old);
        break;
      }
    }
  }
  return current->fd;
}

static void close_end(int32_t fd, int32_t value) {
  (void)value;
  raw1(SYS_close, fd);
}

void capus_log_leave(void) {
  struct logs *old = capus_kept_logs;
  if (old == NULL || old == current || current == NULL)
    return;
  /* The pipes of services that are not there any more, and its own. */
  capus_log_each(close_end, 0);
  munmap(old, old->size);
  capus_kept_logs = current;
}

int32_t capus_log_open(uint32_t service, uint32_t uid) {
  struct ring *ring = ring_at(current, service);
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
  const struct ring *ring = ring_at(current, service);
  return ring == NULL || ring->fds[is_write_end] <= 2 ? -1 : ring->fds[is_write_end];
}

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
  struct stat status;
  int fd = (int)raw4(SYS_openat, AT_FDCWD, ring->rule.file,
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW |
                         O_NOCTTY | O_LARGEFILE,
                     0640);
  if (fd < 0)
    return fd;
  if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink > 1) {
    raw1(SYS_close, fd);
    return -EEXIST;
  }
  ring->file = fd;
  ring->file_bytes = status.st_size > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)status.st_size;
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

/* Writes what has come together; what does not go is left out. */
ONCE static void flush(struct ring *ring, int is_echo) {
  struct out *out = &outs[is_echo];
  const int64_t before = capus_now();
  if (out->count > 0 && is_echo) {
    capus_write_now(echo_fd, out->bytes, out->count);
  } else if (out->count > 0 && before >= ring->file_retry) {
    const int error = write_file(ring, out);
    const int64_t after = capus_now();
    if (error < 0) {
      if (!(ring->state & FILE_FAILED))
        file_error = error;
      close_file(ring);
    }
    ring->state = (ring->state & ~FILE_FAILED) | (error < 0 ? FILE_FAILED : 0);
    ring->file_retry = after - before > SLOW_US ? after + PAUSE_US
                       : error < 0              ? after + RETRY_US
                                                : 0;
  }
  out->count = 0;
}

/* The line's bytes to the file and to the echo. */
static void pass(struct ring *ring, uint32_t at, uint32_t count) {
  for (int is_echo = 0; is_echo < 2; is_echo++) {
    struct out *out = &outs[is_echo];
    if (is_echo ? echo_fd < 0 : ring->rule.file == NULL)
      continue;
    if (out->count + CAPUS_LINE_BYTES + 72 > OUT_BYTES)
      flush(ring, is_echo);
    uint8_t *end = out->bytes + out->count;
    if (is_echo) {
      for (const char *name = ring->rule.name; *name != 0; name++)
        *end++ = (uint8_t)*name;
      *end++ = ':';
      *end++ = ' ';
    }
    copy(current, ring, at, end, count, 0);
    end += count;
    *end++ = '\n';
    out->count = (uint32_t)(end - out->bytes);
  }
}

/* `<N>` with one to three digits, as for the kernel's log: its length, and the level. */
static uint32_t prefix(const uint8_t *bytes, uint32_t count, uint8_t *level) {
  uint32_t value = 0, at = 1;
  if (count < 3 || bytes[0] != '<')
    return 0;
  while (at < count && at < 4 && bytes[at] >= '0' && bytes[at] <= '9')
    value = value * 10 + bytes[at++] - '0';
  if (at == 1 || at == count || bytes[at] != '>')
    return 0;
  *level = value & 7;
  return at + 1;
}

static void end_line(struct ring *ring) {
  struct head head;
  uint8_t start[5];
  get_head(current, ring, ring->open_at, &head);
  const uint32_t at = ring->open_at + sizeof head;
  const uint32_t count = head.count < sizeof start ? head.count : sizeof start;
  copy(current, ring, at, start, count, 0);
  if (!(ring->state & GOES_ON))
    head.prefix = (uint8_t)prefix(start, count, &head.level);
  put_head(ring, ring->open_at, &head);
  ring->state &= ~(OPEN | GOES_ON);
  pass(ring, at + head.prefix, head.count - head.prefix);
}

static void finish_line(struct ring *ring) {
  if (ring->state & OPEN)
    end_line(ring);
  ring->state &= ~(SKIPPING | GOES_ON);
}

ONCE static void append(struct ring *ring, void *bytes, uint32_t count) {
  struct head head;
  while (ring->size - ring->used < count) {
    get_head(current, ring, ring->written - ring->used, &head);
    ring->used -= sizeof head + head.count;
  }
  copy(current, ring, ring->written, bytes, count, 1);
  ring->written += count;
  ring->used += count;
}

/* Begins a line: 0 when it is over the rate, or when there is no memory for it. */
static int begin_line(struct ring *ring, struct head *head) {
  const struct capus_log_rule *rule = &ring->rule;
  head->number = ring->number++;
  if (!(ring->state & GOES_ON) && rule->rate > 0) {
    if (head->at - ring->window >= rule->window_us || head->at < ring->window) {
      ring->window = head->at;
      ring->in_window = 0;
    }
    if (ring->in_window >= rule->rate)
      return 0;
    ring->in_window++;
  }
  /* Until it has gone round once. */
  if (!reserve(ring, ring->written > ring->size ? ring->size
                                                : ring->written + sizeof *head + CAPUS_LINE_BYTES))
    return 0;
  ring->open_at = ring->written;
  append(ring, head, sizeof *head);
  ring->state |= OPEN;
  return 1;
}

/* Takes a part of a line, with its end or without. */
static void take(struct ring *ring, uint8_t *bytes, uint32_t count, int is_end, int64_t now) {
  struct head head = {.at = now, .level = 6};
  while (!(ring->state & SKIPPING)) {
    if (!(ring->state & OPEN) && !begin_line(ring, &head)) {
      ring->state |= SKIPPING;
      break;
    }
    get_head(current, ring, ring->open_at, &head);
    const uint32_t room = CAPUS_LINE_BYTES - head.count;
    const uint32_t part = count < room ? count : room;
    append(ring, bytes, part);
    head.count += part;
    put_head(ring, ring->open_at, &head);
    bytes += part;
    count -= part;
    if (count == 0)
      break;
    end_line(ring);
    /* The rest bears the time and the level of its beginning. */
    get_head(current, ring, ring->open_at, &head);
    head.count = head.prefix = 0;
    ring->state |= GOES_ON;
  }
  if (is_end)
    finish_line(ring);
}

int32_t capus_log_read(uint32_t service, int64_t now, int32_t is_last) {
  struct ring *ring = ring_at(current, service);
  int32_t result = 0;
  if (ring == NULL || ring->fds[0] <= 2)
    return 0;
  file_error = 0;
  for (int round = 0; round < (is_last ? 32 : 4); round++) {
    long count = raw3(SYS_read, ring->fds[0], input, sizeof input);
    if (count <= 0)
      break;
    result = 1;
    for (uint8_t *at = input, *end = input + count; at < end;) {
      uint8_t *stop = at;
      while (stop < end && *stop != '\n')
        stop++;
      take(ring, at, (uint32_t)(stop - at), stop < end, now);
      at = stop + 1;
    }
    if (count < (long)sizeof input)
      break;
  }
  if (is_last)
    finish_line(ring);
  flush(ring, 0);
  flush(ring, 1);
  return file_error < 0 ? file_error : result;
}

/* The fields of a frame; see ApusWire. */
struct frame {
  uint32_t count;
  uint8_t bytes[4 + 14 + 2 + 64 + 2 + CAPUS_LINE_BYTES];
};

static void number(struct frame *frame, uint64_t value, uint32_t bytes) {
  for (; bytes > 0; bytes--, value >>= 8)
    frame->bytes[frame->count++] = (uint8_t)value;
}

int32_t capus_log_send(uint32_t reader, uint32_t had, int32_t service, int32_t follows,
                       int32_t fd) {
  static struct frame frame;
  struct head head, best = {.at = INT64_MAX};
  struct given *last = &given[reader % READERS];
  const struct place *found = NULL;
  const struct ring *ring = NULL;
  const uint32_t count = current == NULL ? 0 : current->count;
  struct place *row = places + (reader % READERS) * count;
  if (had > 0 && had == last->count)
    row[last->service] = last->next;
  last->count = 0;
  for (uint32_t index = 0; index < count; index++) {
    const struct ring *tried = ring_at(current, index);
    struct place *place = &row[index];
    const uint32_t oldest = tried->written - tried->used;
    if (had == 0)
      *place = (struct place){.at = oldest};
    if (service >= 0 && index != (uint32_t)service)
      continue;
    /* Overtaken: the oldest is the next one. */
    if (tried->written - place->at > tried->used)
      place->at = oldest;
    head = (struct head){.at = INT64_MAX, .number = tried->number, .count = UINT16_MAX};
    if (place->at != tried->written &&
        !(follows && tried->state & OPEN && place->at == tried->open_at))
      get_head(current, tried, place->at, &head);
    else if (follows || place->number == tried->number)
      continue;
    if (found == NULL || head.at < best.at) {
      best = head;
      found = place;
      ring = tried;
      last->service = index;
    }
  }
  if (found == NULL)
    return 0;
  const int is_line = best.count != UINT16_MAX;
  const uint32_t bytes = is_line ? best.count - best.prefix : 0;
  const size_t name = strlen(ring->rule.name);
  last->count = had + 1;
  last->next = (struct place){.at = found->at + (is_line ? sizeof best + best.count : 0),
                              .number = best.number + is_line};
  frame.count = 0;
  number(&frame, 1 | 140 << 8 | (22 + name + bytes) << 16, 4);
  number(&frame, (uint64_t)(is_line | best.level << 8), 2);
  number(&frame, (uint64_t)best.at, 8);
  number(&frame, best.number - found->number, 4);
  number(&frame, name, 2);
  memcpy(frame.bytes + frame.count, ring->rule.name, name);
  frame.count += name;
  number(&frame, bytes, 2);
  if (is_line)
    copy(current, ring, found->at + sizeof best + best.prefix, frame.bytes + frame.count, bytes, 0);
  const int64_t sent = capus_send(fd, frame.bytes, frame.count + bytes);
  return sent < 0 ? (int32_t)sent : 1;
}
