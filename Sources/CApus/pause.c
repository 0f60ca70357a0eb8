/* The pause after crashes, in which nobody supervises: what is kept for it and of it. */
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "include/loop.h"
#include "layout.h"
#include "raw.h"

static const int64_t minute_us = 60 * 1000000LL;

/* How long the first pause is; tests have less time than boards. */
static int64_t first_pause(void) {
#ifdef APUS_CRASHES
  const char *given = capus_environment("APUS_FIRST_PAUSE_MS");
  if (given != NULL)
    return raw_number(&given) * 1000;
#endif
  return minute_us;
}

/* Nobody supervises for a minute, the next time for twice as long, half an hour at most; after an
 * hour without a crash it is a minute again. */
void capus_begin_pause(struct record *record, int64_t now) {
  const int64_t most = 30 * minute_us;
  record->pause_us = record->pause_us <= 0 ? first_pause() : record->pause_us * 2;
  if (record->pause_us > most)
    record->pause_us = most;
  record->pause_until = now + record->pause_us;
}

/* Moments that no program of this boot has written are forgotten: nothing is counted from them. */
void capus_forget_impossible(struct record *record, int64_t now) {
  for (int index = 0; index < CRASHES; index++)
    if ((uint64_t)record->crashes[index] > (uint64_t)now)
      record->crashes[index] = 0;
  if ((uint64_t)record->well_since > (uint64_t)now)
    record->well_since = now;
  if ((uint64_t)record->pause_us > (uint64_t)(60 * minute_us))
    record->pause_us = 0;
  if ((uint64_t)record->pause_until > (uint64_t)(now + 60 * minute_us))
    record->pause_until = now;
}

void capus_record_mute(void) {
  struct slot *board = slot_at(capus_kept, board_slot(capus_kept));
  if (capus_is_open(board->fd))
    raw1(SYS_close, board->fd);
  board->fd = 0;
}

int64_t capus_record_pause_end(void) {
  return capus_kept == NULL ? 0 : capus_kept->pause_until;
}

int32_t capus_record_reap(void) {
  int status = 0;
  int32_t pid = (int32_t)raw4(SYS_wait4, -1, &status, WNOHANG, 0);
  for (uint32_t index = 0; pid > 0 && index < slot_count(capus_kept); index++) {
    struct slot *slot = slot_at(capus_kept, index);
    if (capus_kept->slot_size != sizeof *slot)
      break;
    if (slot->pid == pid)
      slot->end = status | ENDED;
    if (slot->helper == pid)
      slot->helper_end = status | ENDED;
  }
  return pid;
}

void capus_record_rescue(const uint8_t *bytes, size_t count) {
  struct record *current = capus_record_current();
  if (current == NULL || count > sizeof current->rescue)
    return;
  memcpy(current->rescue, bytes, count);
  current->rescue_count = (uint32_t)count;
}

size_t capus_record_rescue_kept(uint8_t *bytes, size_t capacity) {
  size_t count = capus_kept == NULL ? 0 : capus_kept->rescue_count;
  if (count > capacity || count > sizeof capus_kept->rescue)
    return 0;
  memcpy(bytes, capus_kept->rescue, count);
  return count;
}

void capus_record_signal(int32_t number) {
  for (uint32_t index = 0; index < slot_count(capus_kept); index++) {
    const struct slot *slot = slot_at(capus_kept, index);
    if (slot->pid > 1)
      capus_kill(-slot->pid, number);
    if (capus_kept->slot_size == sizeof *slot && slot->helper > 1)
      capus_kill(-slot->helper, number);
  }
}
