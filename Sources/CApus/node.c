#include "node.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "place.h"

enum { FIFO = 3, SPECIAL = 5 };

static uint32_t type_of(const struct capus_listener *listener) {
  return listener->kind == FIFO ? S_IFIFO : S_IFSOCK;
}

static bool is_right(const struct capus_listener *listener, const struct walk *walk) {
  char target[WALK_PATH];
  const long length = raw4(SYS_readlinkat, walk->directory, walk->name, target, sizeof target);
  return length == (long)strlen(listener->text) &&
         memcmp(target, listener->text, (size_t)length) == 0;
}

void capus_set_links(const struct capus_listener *listener, bool is_wanted,
                     struct capus_node *node) {
  for (size_t index = 0; index < listener->value_count; index++) {
    if (listener->values[index] >> 32 != CAPUS_KEY_SYMLINKS)
      continue;
    const char *path = listener->pool + (uint32_t)listener->values[index];
    struct walk walk;
    long result =
        capus_walk(&walk, path, listener->links, is_wanted ? (int)listener->directory_mode : -1);
    if (result == 0 && !(is_wanted && is_right(listener, &walk))) {
      result = capus_clear(&walk, path, S_IFLNK);
      if (result == 0 && is_wanted)
        result = raw3(SYS_symlinkat, listener->text, walk.directory, walk.name);
    }
    if (walk.directory >= 0)
      raw1(SYS_close, walk.directory);
    if (result == -EXDEV)
      node->is_far = 1;
    else if (result < 0 && node->link_error == 0)
      node->link_error = (int32_t)-result;
  }
}

int capus_bind_node(const struct capus_listener *listener, struct capus_node *node) {
  struct walk walk;
  node->step = CAPUS_MAKE_DIRECTORY;
  int fd = (int)capus_walk(&walk, listener->text, listener->links, (int)listener->directory_mode);
  node->culprit = walk.culprit;
  node->is_shared = !walk.is_fixed || !walk.is_own;
  if (fd < 0)
    return fd;
  /* First, so that nothing happens to the node unseen. */
  node->watch = capus_watch_directory(listener->inotify, &walk);
  fd = capus_bind_path(listener, &walk, node);
  raw1(SYS_close, walk.directory);
  return fd;
}

int32_t capus_is_shared(const char *path, uint32_t *culprit) {
  struct walk walk;
  const long result = capus_walk(&walk, path, WALK_TRUSTED_LINKS, -1);
  *culprit = walk.culprit;
  if (result == 0)
    raw1(SYS_close, walk.directory);
  return result == -ELOOP || !walk.is_fixed || (result == 0 && !walk.is_own);
}

void capus_remove_node(const struct capus_listener *listener, struct capus_node *node) {
  struct walk walk;
  if (!(listener->flags >> CAPUS_KEY_REMOVE_ON_STOP & 1) || listener->form != CAPUS_PATH ||
      listener->kind == SPECIAL)
    return;
  const long result = capus_walk(&walk, listener->text, listener->links, -1);
  node->is_far = result == -EXDEV;
  if (result < 0)
    return;
  if (capus_clear(&walk, listener->text, type_of(listener)) == 0)
    capus_set_links(listener, false, node);
  raw1(SYS_close, walk.directory);
}
