#include "logs.h"
#include "raw.h"

enum { READ_BYTES = 4096 };

static uint8_t input[READ_BYTES];

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
  if (!log_line(log_current, ring, ring->open_at, &head)) {
    ring->used = 0;
    ring->state &= ~(OPEN | GOES_ON);
    return;
  }
  const uint32_t at = ring->open_at + sizeof head;
  const uint32_t count = head.count < sizeof start ? head.count : sizeof start;
  log_copy(log_current, ring, at, start, count, 0);
  if (!(ring->state & GOES_ON))
    head.prefix = (uint8_t)prefix(start, count, &head.level);
  log_put_head(ring, ring->open_at, &head);
  ring->state &= ~(OPEN | GOES_ON);
  log_pass(ring, at + head.prefix, head.count - head.prefix);
}

static void finish_line(struct ring *ring) {
  if (ring->state & OPEN)
    end_line(ring);
  ring->state &= ~(SKIPPING | GOES_ON);
}

ONCE static void append(struct ring *ring, const void *bytes, uint32_t count) {
  struct head head;
  while (ring->size - ring->used < count) {
    /* What does not add up goes as a whole, and is counted as lost. */
    if (log_line(log_current, ring, ring->written - ring->used, &head))
      ring->used -= sizeof head + head.count;
    else
      ring->used = 0;
  }
  log_copy(log_current, ring, ring->written, (void *)(uintptr_t)bytes, count, 1);
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
  if (!log_reserve(ring, ring->written > ring->size
                             ? ring->size
                             : ring->written + sizeof *head + CAPUS_LINE_BYTES))
    return 0;
  ring->open_at = ring->written;
  append(ring, head, sizeof *head);
  ring->state |= OPEN;
  return 1;
}

/* Takes a part of a line, with its end or without. */
static void take(struct ring *ring, const uint8_t *bytes, uint32_t count, int is_end, int64_t now) {
  struct head head = {.at = now, .level = 6};
  while (!(ring->state & SKIPPING)) {
    if (!(ring->state & OPEN) && !begin_line(ring, &head)) {
      ring->state |= SKIPPING;
      break;
    }
    if (!log_line(log_current, ring, ring->open_at, &head)) {
      ring->used = 0;
      ring->state = (ring->state & ~(OPEN | GOES_ON)) | SKIPPING;
      break;
    }
    const uint32_t room = CAPUS_LINE_BYTES - head.count;
    const uint32_t part = count < room ? count : room;
    append(ring, bytes, part);
    head.count += part;
    log_put_head(ring, ring->open_at, &head);
    bytes += part;
    count -= part;
    if (count == 0)
      break;
    end_line(ring);
    /* The rest bears the time and the level of its beginning. */
    if (!log_line(log_current, ring, ring->open_at, &head))
      head.level = 6;
    head.count = head.prefix = 0;
    ring->state |= GOES_ON;
  }
  if (is_end)
    finish_line(ring);
}

void capus_log_keep(int32_t is_event, const void *bytes, uint32_t count, int64_t now) {
  /* Until capus_log_finish there is no memory behind the rings. */
  if (log_current == NULL || log_current->size == 0)
    return;
  struct ring *ring = log_ring(log_current, log_current->count - LOG_OWN_RINGS + (is_event != 0));
  if (ring != NULL)
    take(ring, bytes, count, 1, now);
}

int32_t capus_log_read(uint32_t service, int64_t now, int32_t is_last) {
  struct ring *ring = log_ring(log_current, service);
  int32_t result = 0;
  if (ring == NULL || ring->fds[0] <= 2)
    return 0;
  const int32_t file = ring->file;
  log_file_error = 0;
  log_hear_writer(ring, now);
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
  log_flush(ring, 0);
  log_flush(ring, 1);
  if (ring->file > 2 && ring->file != file)
    result |= CAPUS_NEW_WRITER;
  return log_file_error < 0 ? log_file_error : result;
}
