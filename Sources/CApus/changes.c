/* Names in the file system that lead to apus and to its listeners, watched by inotify(7). */
#include "changes.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "errand.h"

enum {
  /* The same for everybody: a directory has one watch, with the events of the last who asked. */
  CHANGES = IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
};

/* The directory that was watched last: most listeners share one. */
static struct {
  int32_t inotify, watch;
  struct raw_status directory;
} last = {.inotify = -1};

static uint32_t hash(const char *name) {
  uint32_t result = 0x811c9dc5;
  while (*name != 0)
    result = (result ^ (uint8_t)*name++) * 0x01000193;
  return result;
}

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

uint32_t capus_identity(const struct raw_status *status) {
  const uint64_t mixed = (status->inode ^ ((uint64_t)status->device[0] << 32 | status->device[1])) *
                         UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(mixed >> 32) | 1;
}

int32_t capus_watch_directory(int32_t inotify, const struct walk *walk) {
  char path[CAPUS_LINK_BYTES];
  if (inotify < 0)
    return -EBADF;
  if (last.inotify == inotify && capus_is_same(&last.directory, &walk->status))
    return last.watch;
  capus_link_path(path, walk->directory, NULL);
  const int32_t watch = (int32_t)raw3(SYS_inotify_add_watch, inotify, path, CHANGES);
  last.inotify = watch < 0 ? -1 : inotify;
  last.watch = watch;
  last.directory = walk->status;
  return watch;
}

int32_t capus_nodes_watch(int32_t *inotify, const char *path, int32_t is_folder) {
  char parent[PATH_MAX];
  size_t length = path ? strlen(path) : 0;
  if (*inotify < 0)
    *inotify = (int32_t)raw1(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
  if (*inotify < 0 || !path)
    return *inotify;
  if (length >= sizeof parent)
    return -ENAMETOOLONG;
  while (!is_folder && length > 1 && path[length] != '/')
    length--;
  memcpy(parent, path, length);
  parent[length] = 0;
  /* The same folder keeps its number. */
  return (int32_t)raw3(SYS_inotify_add_watch, *inotify, *parent ? parent : ".", CHANGES);
}

void capus_name_begin(struct capus_name *name, const char *path, uint32_t listener,
                      int32_t is_link) {
  *name = (struct capus_name){.watch = -EBADF,
                              .path = path,
                              .hash = hash(name_of(path)),
                              .listener = (uint16_t)listener,
                              .is_link = (uint8_t)is_link};
}

int32_t capus_nodes_read(int32_t inotify, struct capus_name *names, size_t count) {
  _Alignas(struct inotify_event) char events[4096];
  int32_t has_read = 0;
  for (int round = 0; round < 64; round++) {
    const long size = raw3(SYS_read, inotify, events, sizeof events);
    if (size <= 0)
      break;
    has_read = 1;
    last.inotify = -1;
    for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)size;) {
      const struct inotify_event *event = (const struct inotify_event *)(events + at);
      at += sizeof *event + event->len;
      const uint32_t changed = event->len > 0 ? hash(event->name) : 0;
      for (size_t index = 0; index < count; index++)
        if (event->wd < 0 ||
            (names[index].watch == event->wd && (event->len == 0 || names[index].hash == changed)))
          names[index].is_dirty = 1;
    }
  }
  return has_read;
}

int32_t capus_look_at(struct capus_name *name, int32_t inotify, const char *target,
                      unsigned links) {
  char text[sizeof((struct walk *)0)->text];
  struct walk walk;
  struct raw_status status;
  const bool was_dirty = name->is_dirty;
  bool is_lost = false;
  name->is_dirty = 0;
  name->is_far = links == WALK_TRUSTED_LINKS;
  if (name->is_refused && !was_dirty)
    return 0;
  name->is_refused = 0;
  long result = capus_walk(&walk, name->path, links, -1);
  if (result == -EXDEV) {
    name->watch = -EBADF;
    name->is_far = 1;
    return -EXDEV;
  }
  if (result < 0) {
    /* Without memory or descriptors nobody can tell. */
    is_lost = result == -ENOENT || result == -ENOTDIR || result == -ELOOP;
    name->watch = -EBADF;
    name->is_dirty = is_lost;
    return is_lost ? 2 : 0;
  }
  name->watch = capus_watch_directory(inotify, &walk);
  if (name->is_link) {
    result = raw4(SYS_readlinkat, walk.directory, walk.name, text, sizeof text);
    is_lost = result != (long)strlen(target) || memcmp(text, target, (size_t)result) != 0;
  } else {
    result = raw_stat_now((int)walk.directory, walk.name, AT_SYMLINK_NOFOLLOW, &status);
    if (result == 0 && name->identity == 0)
      name->identity = capus_identity(&status);
    is_lost = result == -ENOENT || (result == 0 && name->identity != capus_identity(&status));
  }
  raw1(SYS_close, walk.directory);
  name->is_dirty = is_lost;
  return is_lost;
}

int32_t capus_name_look(struct capus_name *name, int32_t inotify, const char *target) {
  struct errand errand = {.kind = ERRAND_LOOK,
                          .index = name->listener,
                          .name = name,
                          .inotify = inotify,
                          .target = target};
  const int32_t result = capus_errand(&errand);
  /* Without an answer nobody can tell. */
  return result < 0 ? 0 : result;
}
