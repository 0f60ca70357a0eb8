/* What a program that crashed leaves to the next one: a sound record and sound logs, damaged by the
 * input, are taken over and read to their ends.
 *
 * An input is a byte of flags, two lengths to cut at, then triples: offset, 16 bits, and a value;
 * the highest bit of an offset says the logs. */
#include "fake.h"

#include <stdio.h>
#include <sys/mman.h>

enum { MOST_MAPS = 64, SERVICES = 3, LISTENERS = 2, CONNECTIONS = 2, STORES = 2, LINES = 70 };

/* What is mapped goes again after each input. */
static struct {
  void *at;
  size_t size;
} maps[MOST_MAPS];
static unsigned map_count;

static void *counted_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset) {
  void *memory = mmap(at, size, access, flags, fd, offset);
  if (memory != MAP_FAILED && map_count < MOST_MAPS) {
    maps[map_count].at = memory;
    maps[map_count++].size = size;
  }
  return memory;
}

static void forget(void *at) {
  for (unsigned index = 0; index < map_count; index++)
    if (maps[index].at == at)
      maps[index].size = 0;
}

static int counted_munmap(void *at, size_t size) {
  forget(at);
  return munmap(at, size);
}

/* What grows may lie elsewhere then. */
static long counted_call(long number, long a, long b, long c, long d) {
  const long result = fake_call(number, a, b, c, d, 0, 0);
  for (unsigned index = 0; number == SYS_mremap && index < map_count; index++)
    if (maps[index].at == (void *)a) {
      maps[index].at = (void *)result;
      maps[index].size = (size_t)c;
    }
  return result;
}

#undef raw4
#define raw4(n, a, b, c, d) counted_call(n, (long)(a), (long)(b), (long)(c), (long)(d))
#define mmap counted_mmap
#define munmap counted_munmap
#include "../../Sources/CApus/log.c"
#include "../../Sources/CApus/reader.c"
#include "../../Sources/CApus/ring.c"
#undef append
#define append append_to_record
#define minute_us minute_of_pause
#include "../../Sources/CApus/pause.c"
#undef minute_us
#include "../../Sources/CApus/record.c"
#include "../../Sources/CApus/resume.c"
#undef mmap
#undef munmap

int32_t log_echo;
int log_file_error;

void capus_fault_arm(void) {}
void capus_keep_descriptors(int is_kept) {
  (void)is_kept;
  static volatile int32_t seen;
  for (uint32_t index = 0; index < slot_count(capus_kept); index++)
    seen = slot_at(capus_kept, index)->fd;
}
void capus_closer_resume(void) {}
void capus_close_inherited(void) {}
void capus_watchdog_resume(int32_t kept) {
  (void)kept;
}
int32_t capus_watchdog_descriptor(void) {
  return 0;
}
int32_t capus_kill(int32_t pid, int32_t number) {
  return pid + number;
}
int64_t capus_now(void) {
  return 90 * minute_us;
}
int32_t capus_page_size(void) {
  return 4096;
}

/* A frame of the control protocol has its own length in it. */
int64_t capus_send(int32_t fd, const uint8_t *bytes, size_t count) {
  (void)fd;
  uint8_t *copy = exact(bytes, count);
  if (count < 6 || copy[2] + 256u * copy[3] != count)
    abort();
  free(copy);
  return (int64_t)count;
}

static void make_logs(uint32_t services) {
  const struct capus_log_rule rule = {.name = "web", .ring = 4096};
  if (capus_log_begin(services, -1) < 0)
    return;
  for (uint32_t service = 0; service < services; service++)
    capus_log_place(service, 77 + service, &rule);
  capus_record_log(capus_log_finish());
}

static void make_record(uint32_t services) {
  capus_record_begin();
  capus_record_add((const uint8_t *)"a.json", 6, (const uint8_t *)"{}", 2, 0);
  capus_record_add((const uint8_t *)"", 0, (const uint8_t *)"", 0, 0);
  capus_record_finish(services, LISTENERS, CONNECTIONS, STORES, services, LINES, 5);
  for (uint32_t slot = 0; slot < services + LISTENERS; slot++) {
    const uint8_t name = (uint8_t)('a' + slot);
    capus_record_identify(slot, &name, 1);
    capus_record_hold(slot, -1, 0, slot);
    capus_record_put(slot, (const uint8_t *)"some bytes of it", 16);
  }
}

/* Lines in the rings, as long as the input wants. */
static void write_lines(uint8_t length) {
  for (uint32_t service = 0; log_current != NULL && service < SERVICES; service++) {
    struct ring *ring = log_ring(log_current, service);
    ring->fds[0] = ring->fds[1] = FAKE_FD;
    for (int line = 0; line < 9; line++) {
      struct head head = {.at = line, .number = ring->number++, .count = length, .level = 6};
      if (!log_reserve(ring, ring->written + sizeof head + length) ||
          ring->size - ring->used < sizeof head + length)
        break;
      log_copy(log_current, ring, ring->written, &head, sizeof head, 1);
      ring->written += (uint32_t)sizeof head + length;
      ring->used += (uint32_t)sizeof head + length;
    }
  }
}

static void read_all(void) {
  struct capus_previous previous;
  struct capus_file file;
  struct capus_line line;
  uint8_t slot[CAPUS_SLOT_BYTES];
  struct capus_held held;
  uint32_t at = 0;
  capus_record_previous(&previous);
  while (capus_record_file(&at, &file)) {
    uint8_t *bytes = malloc((size_t)file.sizes.name + file.sizes.bytes + 1);
    capus_record_read(file.name_at, bytes, file.sizes.name);
    capus_record_read(file.bytes_at, bytes, file.sizes.bytes);
    free(bytes);
  }
  for (uint32_t index = 0; capus_record_line_kept(index, &line); index++) {
  }
  uint8_t *rescue = malloc(RESCUE_BYTES);
  if (capus_record_rescue_kept(rescue, RESCUE_BYTES) > RESCUE_BYTES)
    abort();
  free(rescue);
  capus_record_signal(15);
  capus_record_mute();
  make_record(SERVICES + 1);
  make_logs(SERVICES + 1);
  const uint32_t count = previous.services + previous.listeners + previous.connections;
  for (uint32_t index = 0; index <= count && index < 4096; index++) {
    if (capus_record_get(index, &held, slot) > CAPUS_SLOT_BYTES)
      abort();
    capus_record_find(index, index, 0, SERVICES + 1);
  }
  for (int32_t service = -1; service <= SERVICES; service++)
    for (uint32_t had = 0; had < 64; had++)
      if (capus_log_send(1, had, service, 0, FAKE_FD) <= 0)
        break;
  capus_record_leave();
}

static void damage(int fd, const uint8_t *bytes, size_t count, int is_log) {
  for (; count >= 3; bytes += 3, count -= 3) {
    const uint32_t at = bytes[0] | (uint32_t)bytes[1] << 8;
    /* The heads and tables of both, and the ring's first bytes. */
    if (at >> 15 == (uint32_t)is_log && pwrite(fd, bytes + 2, 1, at & 0x7fff) != 1)
      abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  if (count < 5)
    return 0;
  capus_kept = current = NULL;
  capus_kept_logs = log_current = NULL;
  capus_kept_fd = current_fd = -1;
  state = CAPUS_FRESH;
  capus_stage = 0;
  make_record(SERVICES);
  make_logs(SERVICES);
  write_lines(bytes[1]);
  struct record *record = current;
  const int record_fd = current_fd;
  const int logs_fd = log_current == NULL ? -1 : log_current->fd;
  record->signal = bytes[0] & 1 ? 11 : 0;
  const uint32_t cut = (bytes[2] | (uint32_t)bytes[3] << 8) & 0x7fff;
  if (bytes[0] & 2 && ftruncate(record_fd, cut) < 0)
    abort();
  if (bytes[0] & 4 && ftruncate(logs_fd, cut) < 0)
    abort();
  damage(record_fd, bytes + 4, count - 4, 0);
  damage(logs_fd, bytes + 4, count - 4, 1);
  /* Another program: nothing of this one is known to it. */
  capus_kept = current = NULL;
  capus_kept_logs = log_current = NULL;
  current_fd = -1;
  capus_kept_fd = record_fd;
  if (capus_record_resume() != CAPUS_FRESH)
    read_all();
  if (log_current != NULL)
    close(log_current->fd);
  if (current_fd >= 0)
    close(current_fd);
  close(record_fd);
  close(logs_fd);
  while (map_count > 0)
    if (maps[--map_count].size > 0)
      munmap(maps[map_count].at, maps[map_count].size);
  return 0;
}
