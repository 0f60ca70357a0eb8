#include "include/store.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "include/loop.h"
#include "include/notify.h"
#include "layout.h"
#include "raw.h"

static struct slot *place(uint32_t index) {
  struct record *record = capus_record_current();
  return record != NULL && index < record->stores ? slot_at(record, board_slot(record) + 1 + index)
                                                  : NULL;
}

static void give_up(struct slot *slot, int32_t epoll) {
  capus_epoll_remove(epoll, slot->fd);
  raw1(SYS_close, slot->fd);
  slot->fd = 0;
}

static void watch(const struct slot *slot, uint32_t index, int32_t epoll, uint64_t data) {
  if (slot->generation)
    capus_epoll_add(epoll, slot->fd, 0, data | (uint64_t)index << 8);
}

static int is_same(int32_t left, int32_t right) {
  const int32_t own = capus_pid();
  return raw5(SYS_kcmp, own, own, 0, left, right) == 0;
}

/* Where a descriptor goes, behind those of its service by its identity, or where it is already;
 * NULL when there is no room. */
static struct slot *room_for(int32_t fd, uint32_t service, uint32_t limit, uint32_t *index) {
  struct slot *free = NULL, *slot;
  uint32_t used = 0, last = 0;
  for (uint32_t at = 0; (slot = place(at)) != NULL; at++) {
    if (slot->fd == 0 && free == NULL) {
      free = slot;
      *index = at;
    } else if (slot->fd != 0 && slot->check == service) {
      used++;
      if (slot->identity > last)
        last = slot->identity;
      if (is_same(slot->fd, fd))
        return slot;
    }
  }
  if (used >= limit || free == NULL)
    return NULL;
  free->identity = last + 1;
  return free;
}

int32_t capus_store_add(uint32_t service, uint32_t limit, const uint8_t *bytes, size_t count,
                        int32_t epoll, uint64_t data) {
  static const uint8_t standard[] = "stored";
  size_t length = sizeof standard - 1, digits;
  const uint8_t *name = capus_notify_value(bytes, count, "FDNAME=", &length);
  const uint8_t *poll = capus_notify_value(bytes, count, "FDPOLL=", &digits);
  int32_t fd, refused = 0;
  if (name == NULL)
    name = standard;
  int is_named = length > 0 && length <= CAPUS_SLOT_BYTES;
  for (size_t at = 0; is_named && at < length; at++)
    is_named = name[at] >= ' ' && name[at] < 127 && name[at] != ':';
  while ((fd = capus_notify_take()) >= 0) {
    uint32_t index = 0;
    struct slot *slot = is_named ? room_for(fd, service, limit, &index) : NULL;
    if (slot == NULL || slot->fd != 0) {
      refused += slot == NULL;
      raw1(SYS_close, fd);
      continue;
    }
    slot->check = service;
    slot->count = (uint8_t)length;
    memcpy(slot->bytes, name, length);
    slot->generation = poll == NULL || digits != 1 || *poll != '0';
    slot->fd = fd;
    watch(slot, index, epoll, data);
  }
  return refused;
}

void capus_store_remove(uint32_t service, const uint8_t *bytes, size_t count, int32_t epoll) {
  size_t length = 0;
  const uint8_t *name = bytes ? capus_notify_value(bytes, count, "FDNAME=", &length) : NULL;
  struct slot *slot;
  for (uint32_t at = 0; (slot = place(at)) != NULL; at++)
    if (slot->fd != 0 && slot->check == service &&
        (!bytes || (name && length == slot->count && memcmp(name, slot->bytes, length) == 0)))
      give_up(slot, epoll);
}

void capus_store_hangup(uint32_t index, int32_t epoll) {
  struct slot *slot = place(index);
  struct pollfd look = {.fd = slot ? slot->fd : -1};
  /* The report may be of one that has made room for another. */
  if (slot && slot->fd != 0 && poll(&look, 1, 0) > 0 && look.revents & (POLLHUP | POLLERR))
    give_up(slot, epoll);
}

int32_t capus_store_next(uint32_t service, uint32_t *at, const uint8_t **name, size_t *count) {
  struct slot *slot, *next = NULL;
  for (uint32_t index = 0; (slot = place(index)) != NULL; index++)
    if (slot->fd != 0 && slot->check == service && slot->identity > *at &&
        (next == NULL || slot->identity < next->identity))
      next = slot;
  if (next == NULL)
    return -1;
  *at = next->identity;
  *name = next->bytes;
  *count = next->count;
  return next->fd;
}

void capus_store_resume(int32_t epoll, uint64_t data) {
  struct record *record = capus_record_current();
  uint32_t to = 0;
  if (record == NULL || record == capus_kept)
    return;
  for (uint32_t from = board_slot(capus_kept) + 1; from < slot_count(capus_kept); from++) {
    const struct slot *old = slot_at(capus_kept, from);
    struct slot *slot = place(to);
    if (!capus_is_open(old->fd))
      continue;
    int32_t service = old->check < capus_kept->services && old->count <= CAPUS_SLOT_BYTES
                          ? capus_record_find(old->check, old->check, 0, record->services)
                          : -1;
    if (slot == NULL || service < 0) {
      close(old->fd);
      continue;
    }
    *slot = *old;
    slot->check = (uint32_t)service;
    watch(slot, to++, epoll, data);
  }
}
