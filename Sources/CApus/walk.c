#include "walk.h"

#include <errno.h>
#include <sys/stat.h>

/* Everything in this file also runs in the child. */

CHILD_CODE bool capus_is_trusted(uint32_t uid) {
  return uid == 0 || uid == (uint32_t)raw0(SYS_geteuid);
}

CHILD bool is_of(uint32_t own, uint32_t uid) {
  return uid == 0 || uid == own;
}

CHILD bool is_own_directory(uint32_t own, const struct raw_status *directory) {
  return is_of(own, directory->uid) && !(directory->mode & (S_IWGRP | S_IWOTH));
}

/* Can nobody else put something in the place of what stands in the directory? */
CHILD bool is_kept(uint32_t own, const struct raw_status *directory,
                   const struct raw_status *node) {
  return is_of(own, directory->uid) && (!(directory->mode & (S_IWGRP | S_IWOTH)) ||
                                        (directory->mode & S_ISVTX && is_of(own, node->uid)));
}

CHILD size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length] != 0)
    length++;
  return length;
}

/* Puts `target` in the place of the walked part of the text; where to go on, NULL without room. */
CHILD const char *follow(struct walk *walk, long directory, const char *name, const char *rest) {
  char target[WALK_PATH];
  const size_t left = length_of(rest);
  const long count = raw4(SYS_readlinkat, directory, name, target, sizeof target);
  if (count <= 0 || (size_t)count + left + 1 > sizeof target)
    return NULL;
  for (size_t at = 0; at <= left; at++)
    target[(size_t)count + at] = rest[at];
  for (size_t at = 0; at <= (size_t)count + left; at++)
    walk->text[at] = target[at];
  return walk->text;
}

/* Opens a component, or makes it; a link is opened itself. With `root`, that of the way, nothing
 * that may never answer is asked. */
CHILD long enter(long directory, const char *name, int mode, struct raw_status *node,
                 const struct raw_status *root) {
  for (int pass = 0;; pass++) {
    long fd = raw4(SYS_openat, directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd != -ENOENT || pass > 0 || mode < 0) {
      long result = fd < 0 ? fd
                    : root ? raw_stat_now((int)fd, "", AT_EMPTY_PATH, node)
                           : raw_stat((int)fd, "", AT_EMPTY_PATH, node);
      if (result == 0 && root && !capus_is_local(node, root))
        result = -EXDEV;
      if (result < 0 && fd >= 0)
        raw1(SYS_close, fd);
      return result < 0 ? result : fd;
    }
    long old_mask = raw1(SYS_umask, 0);
    long made = raw3(SYS_mkdirat, directory, name, mode);
    raw1(SYS_umask, old_mask);
    /* Somebody else made it meanwhile: good, if it is a directory. */
    if (made < 0 && made != -EEXIST)
      return made;
  }
}

CHILD_CODE long capus_walk(struct walk *walk, const char *path, enum walk_links links, int mode) {
  const size_t length = length_of(path);
  const bool is_local = links & WALK_LOCAL;
  links &= ~(unsigned)WALK_LOCAL;
  const uint32_t own = links == WALK_ROOTS_LINK ? 0 : (uint32_t)raw0(SYS_geteuid);
  struct raw_status status = {0}, node, root;
  const char *at = walk->text;
  unsigned followed = 0;
  walk->is_fixed = true;
  walk->culprit = 0;
  walk->directory = -1;
  walk->stranger = 0;
  if (*path != '/' || path[length - 1] == '/')
    return -EINVAL;
  if (length >= sizeof walk->text)
    return -ENAMETOOLONG;
  for (size_t index = 0; index <= length; index++)
    walk->text[index] = path[index];
  long directory = raw_open("/", O_PATH | O_DIRECTORY);
  long result = directory < 0 ? directory : raw_stat((int)directory, "", AT_EMPTY_PATH, &status);
  root = status;
  /* While links are followed the culprit is the first of them. */
  uint32_t behind = 0;
  while (result >= 0) {
    if (walk->stranger == 0 && !is_of(own, status.uid))
      walk->stranger = status.uid;
    else if (walk->stranger == 0 && (status.mode & (S_ISVTX | S_IWOTH)) == S_IWOTH)
      walk->stranger = CAPUS_NOBODY;
    while (*at == '/')
      at++;
    char *end = walk->text + (at - walk->text);
    while (*end != 0 && *end != '/')
      end++;
    const size_t count = (size_t)(end - at);
    if (followed == 0)
      behind = (uint32_t)(end - walk->text);
    const bool is_dot = *at == '.' && count == 1, is_up = *at == '.' && at[1] == '.' && count == 2;
    /* The target of a link may end in dots or a slash, and then is no place for a node. */
    if ((followed == 0 || *end == 0) && (is_dot || is_up || count == 0))
      result = -EINVAL;
    else if (count > NAME_MAX)
      result = -ENAMETOOLONG;
    if (result < 0)
      break;
    if (is_dot || count == 0) {
      at = end;
      continue;
    }
    const bool is_last = *end == 0;
    if (is_last) {
      walk->name = at;
      walk->is_own = is_own_directory(own, &status);
      walk->status = status;
      if (links == WALK_TRUSTED_LINKS)
        break;
    }
    *end = 0;
    result = enter(directory, at, is_last ? -1 : mode, &node, is_local ? &root : NULL);
    if (is_last && (result == -ENOENT || (result >= 0 && !S_ISLNK(node.mode)))) {
      if (result >= 0)
        raw1(SYS_close, result);
      result = 0;
      break;
    }
    if (result < 0)
      break;
    if (S_ISLNK(node.mode)) {
      raw1(SYS_close, result);
      result = 0;
      const bool is_followed =
          walk->is_fixed && is_own_directory(own, &status) && is_of(own, node.uid);
      if (!is_followed || followed++ == WALK_LINKS)
        result = -ELOOP;
      if (result < 0)
        break;
      char name[NAME_MAX + 1];
      for (size_t index = 0; index <= count; index++)
        name[index] = at[index];
      *end = is_last ? 0 : '/';
      at = follow(walk, directory, name, end);
      if (at == NULL) {
        result = -ENAMETOOLONG;
        break;
      }
      if (*at != '/')
        continue;
      raw1(SYS_close, directory);
      directory = raw_open("/", O_PATH | O_DIRECTORY);
      result = directory < 0 ? directory : raw_stat((int)directory, "", AT_EMPTY_PATH, &status);
      continue;
    }
    if (!S_ISDIR(node.mode)) {
      raw1(SYS_close, result);
      result = -ENOTDIR;
      break;
    }
    if (walk->is_fixed && !is_up && !is_kept(own, &status, &node)) {
      walk->is_fixed = false;
      walk->culprit = behind;
    }
    raw1(SYS_close, directory);
    directory = result;
    status = node;
    *end = '/';
    at = end;
  }
  if (result >= 0) {
    walk->directory = directory;
    return 0;
  }
  walk->culprit = behind;
  if (directory >= 0)
    raw1(SYS_close, directory);
  return result;
}

/* Through the descriptor itself, so that it is this node and no other; by its name again where
 * there is no /proc. */
CHILD long reopen(const struct walk *walk, long node, int flags) {
  char path[CAPUS_LINK_BYTES];
  capus_link_path(path, node, NULL);
  long fd = raw4(SYS_openat, AT_FDCWD, path, flags & ~(O_NOFOLLOW | O_CREAT), 0);
  if (fd != -ENOENT && fd != -ENOTDIR)
    return fd;
  return raw4(SYS_openat, walk->directory, walk->name, flags & ~O_CREAT, 0);
}

CHILD_CODE long capus_open_node(const struct walk *walk, int flags, int mode,
                                struct raw_status *status) {
  const bool is_safe = walk->is_fixed && walk->is_own;
  flags |= O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | O_LARGEFILE;
  /* Made meanwhile by somebody else, or gone again: once more. */
  for (int pass = 0;; pass++) {
    long node = raw4(SYS_openat, walk->directory, walk->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (node == -ENOENT && flags & O_CREAT) {
      long made = raw4(SYS_openat, walk->directory, walk->name, flags | O_EXCL, mode);
      if (made != -EEXIST || pass > 0)
        return made < 0 ? made : (raw_stat((int)made, "", AT_EMPTY_PATH, status), made);
      continue;
    }
    if (node < 0)
      return node;
    long result = raw_stat((int)node, "", AT_EMPTY_PATH, status);
    if (result == 0 && S_ISLNK(status->mode))
      result = -ELOOP;
    else if (result == 0 && S_ISDIR(status->mode))
      result = -EISDIR;
    else if (result == 0 && !is_safe && !S_ISREG(status->mode))
      result = -EEXIST;
    else if (result == 0 && !is_safe && status->links != 1)
      result = -EMLINK;
    if (result == 0)
      result = reopen(walk, node, flags);
    raw1(SYS_close, node);
    return result;
  }
}

CHILD_CODE long capus_open_trusted(const char *path, enum walk_links links) {
  char trimmed[WALK_PATH];
  struct walk walk;
  size_t length = length_of(path);
  if (length >= sizeof trimmed)
    return -ENAMETOOLONG;
  while (length > 1 && path[length - 1] == '/')
    length--;
  for (size_t index = 0; index < length; index++)
    trimmed[index] = path[index];
  trimmed[length] = 0;
  long result = capus_walk(&walk, trimmed, links, -1);
  if (result == -EINVAL)
    return raw4(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
  if (result < 0)
    return result;
  result = raw4(SYS_openat, walk.directory, walk.name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  raw1(SYS_close, walk.directory);
  return result;
}

CHILD_CODE void capus_link_path(char *path, long fd, const char *name) {
  static const char prefix[] = "/proc/self/fd/";
  char digits[20];
  size_t at = 0, count = 0;
  while (prefix[at] != 0) {
    path[at] = prefix[at];
    at++;
  }
  do
    digits[count++] = (char)('0' + fd % 10);
  while ((fd /= 10) > 0);
  while (count > 0)
    path[at++] = digits[--count];
  if (name) {
    path[at++] = '/';
    while (*name != 0 && at + 1 < CAPUS_LINK_BYTES)
      path[at++] = *name++;
  }
  path[at] = 0;
}
