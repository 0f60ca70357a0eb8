/* What is read of the record that the program before this one has left. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "include/board.h"
#include "include/closer.h"
#include "include/loop.h"
#include "layout.h"
#include "raw.h"

static const int64_t minute_us = 60 * 1000000LL;

/* Crashes within that time are counted together; tests crash more often than boards may. */
static int64_t crash_window(void) {
#ifdef APUS_CRASHES
  const char *given = capus_environment("APUS_CRASH_WINDOW_MS");
  if (given != NULL)
    return raw_number(&given) * 1000;
#endif
  return minute_us;
}

uint32_t capus_stage;
static enum capus_resume state;

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
  capus_stage = record->signal == 0 ? record->asked : record->stage;
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
  const int64_t window = crash_window();
  int recent = 0;
  for (int index = CRASHES - 1; index > 0; index--)
    record->crashes[index] = record->crashes[index - 1];
  record->crashes[0] = now;
  while (recent < CRASHES && record->crashes[recent] != 0 && now - record->crashes[recent] < window)
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
    struct record *record = capus_record_map(fd, (size_t)status.size);
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
  return capus_stage;
}

int32_t capus_record_line_kept(uint32_t index, struct capus_line *line) {
  if (capus_kept == NULL || index >= capus_kept->lines)
    return 0;
  *line = *line_at(capus_kept, index);
  return 1;
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
  if (*at == 0 && capus_stage == 2)
    while (next_file(at, file)) {
    }
  return next_file(at, file);
}

void capus_record_read(uint32_t at, uint8_t *bytes, size_t count) {
  memcpy(bytes, (const char *)capus_kept + capus_kept->files_at + at, count);
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
