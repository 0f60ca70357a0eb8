#include <string.h>
#include <sys/mman.h>

#include "include/control.h"
#include "logs.h"
#include "raw.h"

enum { READERS = 16 };

/* Where a reader stands in a ring: the head of the next line, and how many it has had or knows to
 * be lost. It stays at a line that it has had without its end until that has come: what follows
 * there is the service's. */
struct place {
  uint32_t at, number;
};

/* What a reader was given last, and its place behind that, which counts once it asks for the next.
 */
struct given {
  uint32_t count, service;
  struct place next;
};

static struct place *places;
static uint32_t place_count;
static struct given given[READERS];

int log_make_readers(uint32_t services) {
  if (services > place_count) {
    places = raw_map((size_t)READERS * services * sizeof *places, MAP_NORESERVE);
    place_count = places == NULL ? 0 : services;
  }
  return place_count >= services;
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
  const uint32_t count = log_current == NULL ? 0 : log_current->count;
  struct place *row = places + (reader % READERS) * count;
  if (had > 0 && had == last->count)
    row[last->service] = last->next;
  last->count = 0;
  for (uint32_t index = 0; index < count; index++) {
    const struct ring *tried = log_ring(log_current, index);
    struct place *place = &row[index];
    const uint32_t oldest = tried->written - tried->used;
    if (had == 0)
      *place = (struct place){.at = oldest};
    if (service >= 0 ? index != (uint32_t)service : index + 1 == count)
      continue;
    /* Overtaken: the oldest is the next one. */
    if (tried->written - place->at > tried->used)
      place->at = oldest;
    int is_there = log_line(log_current, tried, place->at, &head);
    int is_open = tried->state & OPEN && place->at == tried->open_at;
    /* One that was had before its end. */
    if (is_there && !is_open && place->number == head.number + 1) {
      place->at += sizeof head + head.count;
      is_there = log_line(log_current, tried, place->at, &head);
      is_open = tried->state & OPEN && place->at == tried->open_at;
    }
    if (!is_there || (is_open && (follows || place->number == head.number + 1))) {
      if (follows || place->number == tried->number)
        continue;
      head = (struct head){.at = INT64_MAX, .number = tried->number, .count = UINT16_MAX};
    }
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
  const int is_whole = is_line && !(ring->state & OPEN && found->at == ring->open_at);
  last->next = (struct place){.at = found->at + (is_whole ? sizeof best + best.count : 0),
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
    log_copy(log_current, ring, found->at + sizeof best + best.prefix, frame.bytes + frame.count,
             bytes, 0);
  const int64_t sent = capus_send(fd, frame.bytes, frame.count + bytes);
  return sent < 0 ? (int32_t)sent : 1;
}
