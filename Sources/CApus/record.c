#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/board.h"
#include "include/closer.h"
#include "include/loop.h"
#include "raw.h"

#define NR_PIDFD_OPEN 434
static const int64_t minute_us = 60 * 1000000LL;

struct record *capus_kept;
int32_t capus_kept_fd = -1;

/* The one that is written: the same, but while a previous one is still being read. */
static struct record *current;
static int32_t current_fd = -1;
static enum capus_resume state;
static uint32_t stage;
/* Where the files of the manifest that is to be begin. */
static off_t mark;

int32_t capus_record_begin(void) {
  if (current_fd >= 0 && current == NULL)
    close(current_fd);
  current_fd = memfd_create("apus", MFD_CLOEXEC);
  if (current_fd < 0)
    return -errno;
  return lseek(current_fd, capus_page_size(), SEEK_SET) < 0 ? -errno : 0;
}

static void append(const void *bytes, size_t count) {
  if (current_fd >= 0 && write(current_fd, bytes, count) != (ssize_t)count) {
    close(current_fd);
    current_fd = -1;
  }
}

void capus_record_add(const uint8_t *name, size_t name_count, const uint8_t *bytes, size_t count,
                      int32_t error) {
  if (name_count == 0)
    mark = lseek(current_fd, 0, SEEK_CUR);
  const struct capus_sizes sizes = {(uint32_t)name_count, (uint32_t)count, error};
  append(&sizes, sizeof sizes);
  append(name, name_count);
  append(bytes, count);
}

static void *map(int32_t fd, size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    return NULL;
  /* Not for a child with memory of its own, into which others may be able to write. */
  madvise(memory, size, MADV_DONTFORK);
  return memory;
}

/* The path execve(2) was given; the kernel puts it into the auxiliary vector, behind environ. */
static void set_path(struct record *record) {
  extern char **environ;
  const char *path = "/proc/self/exe";
  size_t count = 0;
  unsigned long *entry = (unsigned long *)environ;
  while (*entry++ != 0) {
  }
  for (; *entry != AT_NULL; entry += 2)
    if (*entry == AT_EXECFN)
      path = (const char *)entry[1];
  if (capus_kept != NULL)
    path = capus_kept->path;
  while (count < PATH_BYTES && path[count] != 0)
    count++;
  /* One that is too long stays empty, and /proc/self/exe serves. */
  if (count < PATH_BYTES)
    memcpy(record->path, path, count);
}

int32_t capus_record_finish(uint32_t services, uint32_t listeners, uint32_t connections,
                            uint32_t stores, uint32_t channels, uint32_t lines, int64_t start_us) {
  if (current_fd < 0)
    return -EBADF;
  const uint32_t page = (uint32_t)capus_page_size();
  const uint32_t files_end = (uint32_t)lseek(current_fd, 0, SEEK_CUR);
  const uint32_t slots_at = (files_end + page - 1) / page * page;
  const uint32_t slots = services + listeners + connections + 1 + stores + channels;
  const uint32_t lines_at =
      (uint32_t)(slots_at + (size_t)slots * sizeof(struct slot) + 15) / 16 * 16;
  const size_t size = lines_at + (size_t)lines * sizeof(struct capus_line);
  /* All of it now: a page that is not there when it is written would be a SIGBUS. */
  if (fallocate(current_fd, 0, 0, (off_t)size) < 0)
    return -errno;
  struct record *record = map(current_fd, size);
  if (record == NULL)
    return -ENOMEM;
  /* A stray store hits no file of the manifest. */
  mprotect((char *)record + page, slots_at - page, PROT_NONE);
  *record = (struct record){.magic = RECORD_MAGIC,
                            .slot_size = sizeof(struct slot),
                            .services = services,
                            .listeners = listeners,
                            .connections = connections,
                            .stores = stores,
                            .channels = channels,
                            .slots_at = slots_at,
                            .files_at = page,
                            .files_end = files_end,
                            .start_us = start_us,
                            .lines_at = lines_at,
                            .lines = lines,
                            .stage = stage & 1,
                            .asked = stage & 1,
                            .watchdog_fd = capus_watchdog_descriptor()};
  set_path(record);
  current = record;
  if (capus_kept == NULL) {
    capus_kept = record;
    capus_kept_fd = current_fd;
    capus_fault_arm();
  } else {
    record->lost = capus_kept->lost;
    record->pause_us = capus_kept->pause_us;
    record->well_since = capus_kept->well_since;
    memcpy(record->crashes, capus_kept->crashes, sizeof record->crashes);
  }
  return 0;
}

struct record *capus_record_current(void) {
  return current;
}

void capus_record_line(uint32_t index, const struct capus_line *line) {
  if (current != NULL && index < current->lines)
    *line_at(current, index) = *line;
}

int32_t capus_record_line_kept(uint32_t index, struct capus_line *line) {
  if (capus_kept == NULL || index >= capus_kept->lines)
    return 0;
  *line = *line_at(capus_kept, index);
  return 1;
}

void capus_record_boot_end(int64_t end_us) {
  if (current != NULL)
    current->boot_end_us = end_us;
}

static struct slot *writable(uint32_t index) {
  return current != NULL && index < slot_count(current) ? slot_at(current, index) : NULL;
}

void capus_record_identify(uint32_t slot, const uint8_t *bytes, size_t count) {
  struct slot *place = writable(slot);
  if (!place)
    return;
  uint32_t hash = place->identity == 0 ? 2166136261u : place->identity;
  for (size_t at = 0; at < count; at++)
    hash = (hash ^ bytes[at]) * 16777619u;
  place->identity = hash;
}

uint32_t capus_record_identity(uint32_t slot) {
  struct slot *place = writable(slot);
  return place ? place->identity : 0;
}

void capus_record_log(int32_t fd) {
  if (current != NULL)
    current->log_fd = fd;
}

int32_t capus_record_find(uint32_t previous, uint32_t near, uint32_t first, uint32_t end) {
  const uint32_t identity = slot_at(capus_kept, previous)->identity;
  if (current == NULL)
    return -1;
  if (near < end && slot_at(current, near)->identity == identity)
    return (int32_t)near;
  for (uint32_t tried = first; tried < end; tried++)
    if (slot_at(current, tried)->identity == identity)
      return (int32_t)tried;
  return -1;
}

void capus_record_hold(uint32_t slot, int32_t fd, int32_t pid, uint32_t generation) {
  struct slot *place = writable(slot);
  if (!place)
    return;
  place->fd = fd < 0 ? 0 : fd;
  place->pid = pid;
  place->generation = generation;
  place->end = 0;
}

void capus_record_help(uint32_t slot, int32_t pid, uint32_t generation) {
  struct slot *place = writable(slot);
  if (!place)
    return;
  place->helper = pid;
  place->helper_end = 0;
  place->helper_generation = generation;
}

/* FNV-1a over the slot's number, the count and the bytes: no single byte can change unseen. */
uint32_t capus_check(uint32_t index, const uint8_t *bytes, size_t count) {
  uint32_t hash = (2166136261u ^ index) * 16777619u;
  hash = (hash ^ (uint32_t)count) * 16777619u;
  for (size_t at = 0; at < count; at++)
    hash = (hash ^ bytes[at]) * 16777619u;
  return hash;
}

void capus_record_put(uint32_t slot, const uint8_t *bytes, size_t count) {
  struct slot *place = writable(slot);
  if (!place)
    return;
  if (count > CAPUS_SLOT_BYTES)
    count = CAPUS_SLOT_BYTES;
  place->count = (uint8_t)count;
  memcpy(place->bytes, bytes, count);
  place->check = capus_check(slot, bytes, count);
}

/* What the file says of itself must lie inside it. */
static int is_sound(const struct record *record, size_t size) {
  return record->magic == RECORD_MAGIC && record->slot_size >= offsetof(struct slot, bytes) &&
         record->slot_size <= 4096 && record->slot_size % _Alignof(struct slot) == 0 &&
         record->services < 65536 && record->listeners < 65536 && record->connections < 65536 &&
         record->stores < 1 << 26 && record->channels < 65536 &&
         record->files_at <= record->files_end && record->files_end <= record->slots_at &&
         record->slots_at % 16 == 0 &&
         record->slots_at + (uint64_t)slot_count(record) * record->slot_size <= size &&
         (record->lines == 0 ||
          (record->lines_at % 16 == 0 &&
           record->lines_at >=
               record->slots_at + (uint64_t)slot_count(record) * record->slot_size &&
           record->lines_at + (uint64_t)record->lines * sizeof(struct capus_line) <= size));
}

static enum capus_resume judge(struct record *record) {
  const int64_t now = capus_now();
  capus_forget_impossible(record, now);
  record->path[PATH_BYTES - 1] = 0;
  stage = record->signal == 0 ? record->asked : record->stage;
  /* A crash before there is another record: not once more. */
  record->asked = record->stage;
  if (record->signal == 0) {
    const int is_back = record->pause_until != 0;
    record->pause_until = 0;
    if (is_back) {
      record->well_since = now;
      memset(record->crashes, 0, sizeof record->crashes);
    }
    return is_back ? CAPUS_RETURNED : CAPUS_REPLACED;
  }
  record->signal = 0;
  record->lost++;
  if (record->pause_until != 0)
    return CAPUS_CRASHED_IN_PAUSE;
  int recent = 0;
  for (int index = CRASHES - 1; index > 0; index--)
    record->crashes[index] = record->crashes[index - 1];
  record->crashes[0] = now;
  while (recent < CRASHES && record->crashes[recent] != 0 &&
         now - record->crashes[recent] < minute_us)
    recent++;
  if (now - record->well_since >= 60 * minute_us)
    record->pause_us = 0;
  record->well_since = now;
  if (recent < 3)
    return CAPUS_CRASHED;
  capus_begin_pause(record, now);
  return CAPUS_CRASHED_OFTEN;
}

enum capus_resume capus_record_resume(void) {
  struct raw_status status;
  int32_t fd = capus_kept_fd;
  capus_kept_fd = -1;
  if (fd < 0)
    return state = CAPUS_FRESH;
  if (fd > 2 && raw_stat(fd, "", AT_EMPTY_PATH, &status) == 0 &&
      status.size >= sizeof(struct record)) {
    struct record *record = map(fd, (size_t)status.size);
    if (record != NULL && is_sound(record, (size_t)status.size)) {
      capus_kept = record;
      capus_kept_fd = fd;
      state = judge(record);
      capus_watchdog_resume(record->watchdog_fd);
      capus_log_resume(record->log_fd, state < CAPUS_CRASHED_OFTEN);
      capus_keep_descriptors(0);
      capus_closer_resume();
      capus_fault_arm();
      return state;
    }
  }
  capus_close_inherited();
  return state = CAPUS_FRESH;
}

enum capus_resume capus_record_state(void) {
  return state;
}

uint32_t capus_record_stage(void) {
  return stage;
}

void capus_record_stay(void) {
  stage = 0;
  if (ftruncate(current_fd, mark) == 0)
    lseek(current_fd, mark, SEEK_SET);
}

void capus_record_previous(struct capus_previous *previous) {
  *previous = (struct capus_previous){
      .services = capus_kept->services,
      .listeners = capus_kept->listeners,
      .connections = capus_kept->connections,
      .lost = capus_kept->lost,
      .start_us = capus_kept->start_us,
      .boot_end_us = capus_kept->boot_end_us,
  };
}

static int next_file(uint32_t *at, struct capus_file *file) {
  const uint32_t whole = capus_kept->files_end - capus_kept->files_at;
  const uint8_t *files = (const uint8_t *)capus_kept + capus_kept->files_at;
  const uint32_t start = *at + sizeof file->sizes;
  if (*at > whole || start > whole)
    return 0;
  memcpy(&file->sizes, files + *at, sizeof file->sizes);
  const uint64_t end = (uint64_t)start + file->sizes.name + file->sizes.bytes;
  if (end > whole)
    return 0;
  file->name_at = start;
  file->bytes_at = start + file->sizes.name;
  *at = (uint32_t)end;
  return file->sizes.name != 0;
}

int32_t capus_record_file(uint32_t *at, struct capus_file *file) {
  if (state == CAPUS_FRESH)
    return 0;
  if (*at == 0 && stage == 2)
    while (next_file(at, file)) {
    }
  return next_file(at, file);
}

void capus_record_read(uint32_t at, uint8_t *bytes, size_t count) {
  memcpy(bytes, (const char *)capus_kept + capus_kept->files_at + at, count);
}

void capus_record_channel(uint32_t service, int32_t fd) {
  if (current != NULL && service < current->channels)
    slot_at(current, board_slot(current) + 1 + current->stores + service)->fd = fd < 0 ? 0 : fd;
}

int32_t capus_record_channel_of(uint32_t service) {
  if (capus_kept == NULL || service >= capus_kept->channels)
    return -1;
  const uint32_t index = board_slot(capus_kept) + 1 + capus_kept->stores + service;
  const int32_t fd = slot_at(capus_kept, index)->fd;
  return capus_is_open(fd) ? fd : -1;
}

int32_t capus_record_control(void) {
  int32_t fd = state == CAPUS_FRESH ? -1 : slot_at(capus_kept, board_slot(capus_kept))->fd;
  return capus_is_open(fd) ? fd : -1;
}

static int32_t told(int32_t end) {
  if (!(end & ENDED))
    return 0;
  return WIFSIGNALED(end) ? WTERMSIG(end) | 512 : WEXITSTATUS(end) | 256;
}

size_t capus_record_get(uint32_t slot, struct capus_held *held, uint8_t *bytes) {
  if (capus_kept == NULL || slot >= slot_count(capus_kept))
    return 0;
  const struct slot *place = slot_at(capus_kept, slot);
  *held = (struct capus_held){.fd = place->fd,
                              .pid = place->pid,
                              .generation = place->generation,
                              .identity = place->identity};
  if (capus_kept->slot_size == sizeof *place) {
    held->end = told(place->end);
    held->pid = held->end != 0 ? 0 : place->pid;
    held->helper_end = told(place->helper_end);
    held->helper = held->helper_end != 0 ? 0 : place->helper;
    held->helper_generation = place->helper_generation;
  }
  size_t count = place->count;
  if (count > CAPUS_SLOT_BYTES || offsetof(struct slot, bytes) + count > capus_kept->slot_size ||
      place->check != capus_check(slot, place->bytes, count))
    return 0;
  memcpy(bytes, place->bytes, count);
  return count;
}

void capus_record_leave(void) {
  if (current == NULL || capus_kept == current)
    return;
  struct record *previous = capus_kept;
  int32_t previous_fd = capus_kept_fd;
  capus_kept = current;
  capus_kept_fd = current_fd;
  close(previous_fd);
  capus_log_leave();
  const size_t slots_end = previous->slots_at + (size_t)slot_count(previous) * previous->slot_size;
  munmap(previous, previous->lines == 0
                       ? slots_end
                       : previous->lines_at + previous->lines * sizeof(struct capus_line));
}

int32_t capus_is_open(int32_t fd) {
  return fd > 2 && raw2(NR_FCNTL, fd, F_GETFD) >= 0;
}

int32_t capus_adopt_child(int32_t pid, int32_t *pidfd) {
  siginfo_t information = {0};
  if (pid <= 1)
    return -ECHILD;
  int is_ours = waitid(P_PID, (id_t)pid, &information, WEXITED | WNOHANG | WNOWAIT) == 0;
  *pidfd = (int32_t)raw2(NR_PIDFD_OPEN, pid, 0);
  if (*pidfd < 0)
    *pidfd = -1;
  return is_ours ? 0 : *pidfd < 0 ? -ECHILD : 1;
}
