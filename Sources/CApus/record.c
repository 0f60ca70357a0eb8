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

struct record *capus_kept;
int32_t capus_kept_fd = -1;

/* The one that is written: the same, but while a previous one is still being read. */
static struct record *current;
static int32_t current_fd = -1;
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

void *capus_record_map(int32_t fd, size_t size) {
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
  struct record *record = capus_record_map(current_fd, size);
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
                            .stage = capus_stage & 1,
                            .asked = capus_stage & 1,
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
    memcpy(record->argument, capus_kept->argument, sizeof record->argument);
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

void capus_record_stay(void) {
  capus_stage = 0;
  if (ftruncate(current_fd, mark) == 0)
    lseek(current_fd, mark, SEEK_SET);
}

void capus_record_channel(uint32_t service, int32_t fd) {
  if (current != NULL && service < current->channels)
    slot_at(current, board_slot(current) + 1 + current->stores + service)->fd = fd < 0 ? 0 : fd;
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
