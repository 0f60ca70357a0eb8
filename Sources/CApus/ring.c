#include <fcntl.h>
#include <string.h>

#include "include/loop.h"
#include "logs.h"

ONCE uint32_t log_pages(uint32_t bytes) {
  const uint32_t page = (uint32_t)capus_page_size();
  return (bytes + page - 1) / page * page;
}

ONCE struct ring *log_ring(struct logs *logs, uint32_t service) {
  return logs != NULL && service < logs->count
             ? (struct ring *)(void *)((char *)(logs + 1) + (size_t)service * logs->ring_bytes)
             : NULL;
}

ONCE void log_copy(struct logs *logs, const struct ring *ring, uint32_t at, void *bytes,
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

ONCE int log_line(struct logs *logs, const struct ring *ring, uint32_t at, struct head *head) {
  const uint32_t rest = ring->written - at;
  if (rest > ring->used || ring->used > ring->size || rest < sizeof *head)
    return 0;
  log_copy(logs, ring, at, head, sizeof *head, 0);
  return head->count <= CAPUS_LINE_BYTES && head->prefix <= head->count &&
         head->count <= rest - sizeof *head;
}

ONCE void log_put_head(const struct ring *ring, uint32_t at, struct head *head) {
  log_copy(log_current, ring, at, head, sizeof *head, 1);
}

ONCE int log_reserve(struct ring *ring, uint32_t end) {
  if (end > ring->size)
    end = ring->size;
  if (end <= ring->there)
    return 1;
  end = log_pages(end);
  if (fallocate(log_current->fd, 0, (off_t)(ring->start + ring->there),
                (off_t)(end - ring->there)) < 0)
    return 0;
  ring->there = end;
  return 1;
}

int log_is_sound(struct logs *logs, const struct ring *ring) {
  struct head head;
  uint32_t at = ring->written - ring->used;
  uint32_t last = at;
  if (ring->used > ring->size || ring->size > CAPUS_RING_MOST || (ring->size & (ring->size - 1)) ||
      (uint64_t)ring->start + ring->size > logs->size)
    return 0;
  while (at != ring->written) {
    if (!log_line(logs, ring, at, &head))
      return 0;
    last = at;
    at += sizeof head + head.count;
  }
  return !(ring->state & OPEN) || (ring->used > 0 && last == ring->open_at);
}
