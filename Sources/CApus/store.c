#include "include/store.h"

#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "include/closer.h"
#include "include/loop.h"
#include "include/notify.h"
#include "layout.h"
#include "raw.h"

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#endif

static struct slot *place(uint32_t index) {
  struct record *record = capus_record_current();
  return record != NULL && index < record->stores ? slot_at(record, board_slot(record) + 1 + index)
                                                  : NULL;
}

static void give_up(struct slot *slot, int32_t epoll) {
  capus_epoll_remove(epoll, slot->fd);
  capus_put_away(slot->fd);
  slot->fd = 0;
}

/* Whether looking at it cannot wait: not at a file whose file system answers when it likes. */
static int is_prompt(int32_t fd) {
  const uint32_t kind = capus_kind_of(fd, NULL, NULL);
  return kind == S_IFSOCK || kind == S_IFIFO || kind == 0;
}

/* The type of the file system in a line of proc_pid_mountinfo(5), when that is of the device. */
static const char *type_of(const char *line, uint32_t major, uint32_t minor) {
  char device[24];
  raw_text(raw_decimal(raw_text(raw_decimal(raw_text(device, " "), major), ":"), minor), " ");
  const char *at = raw_find(line, device), *type = raw_find(line, " - ");
  return at && type && at < type ? type + 3 : NULL;
}

/* Every process that closes a copy of a file asks its file system, and so would every child of this
 * one: what hangs with a server or a network is not kept. */
static int is_keepable(int32_t fd) {
  static const char remote[][8] = {"fuse", "nfs",     "cifs",   "smb",    "9p",  "ceph", "afs",
                                   "coda", "virtiof", "orange", "lustre", "gfs", "ocfs", "ecrypt"};
  uint32_t major, minor;
  char text[4096];
  size_t kept = 0;
  long count;
  int is_known = 0, is_local = 1;
  if (capus_kind_of(fd, &major, &minor) != S_IFREG || raw2(NR_FCNTL, fd, F_GET_SEALS) >= 0)
    return 1;
  int mounts = raw_open("/proc/self/mountinfo", O_RDONLY);
  if (mounts < 0)
    return 0;
  while ((count = raw3(SYS_read, mounts, text + kept, sizeof text - kept)) > 0) {
    char *line = text, *end = text + kept + count, *stop;
    for (; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1) {
      *stop = 0;
      const char *type = type_of(line, major, minor);
      is_known |= type != NULL;
      for (size_t index = 0; type && index < sizeof remote / sizeof *remote; index++)
        is_local &= raw_behind(type, remote[index]) == NULL;
    }
    /* No line of interest is that long. */
    kept = line == text ? 0 : (size_t)(end - line);
    memmove(text, line, kept);
  }
  raw1(SYS_close, mounts);
  return is_known && is_local;
}

static void watch(const struct slot *slot, uint32_t index, int32_t epoll, uint64_t data) {
  if (slot->generation && is_prompt(slot->fd))
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
    struct slot *slot = is_named && is_keepable(fd) ? room_for(fd, service, limit, &index) : NULL;
    if (slot == NULL || slot->fd != 0) {
      refused += slot == NULL;
      capus_put_away(fd);
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
  struct pollfd look = {.fd = slot && slot->fd != 0 && is_prompt(slot->fd) ? slot->fd : -1};
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
  for (uint32_t from = board_slot(capus_kept) + 1;
       from < slot_count(capus_kept) - capus_kept->channels; from++) {
    const struct slot *old = slot_at(capus_kept, from);
    struct slot *slot = place(to);
    if (!capus_is_open(old->fd))
      continue;
    int32_t service = old->check < capus_kept->services && old->count <= CAPUS_SLOT_BYTES
                          ? capus_record_find(old->check, old->check, 0, record->services)
                          : -1;
    if (slot == NULL || service < 0) {
      capus_put_away(old->fd);
      continue;
    }
    *slot = *old;
    slot->check = (uint32_t)service;
    watch(slot, to++, epoll, data);
  }
}
