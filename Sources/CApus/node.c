/* Nodes of the file system, reached one component at a time (openat(2), path_resolution(7)). */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "raw.h"

struct name {
  char bytes[NAME_MAX + 1];
};

static int terminate(struct name *target, const uint8_t *name, size_t count) {
  if (count == 0)
    return -ENOENT;
  if (count > NAME_MAX)
    return -ENAMETOOLONG;
  memcpy(target->bytes, name, count);
  target->bytes[count] = 0;
  return 0;
}

int32_t capus_open_root(void) {
  return raw_open("/", O_PATH | O_DIRECTORY);
}

int32_t capus_open_directory(int32_t directory, const uint8_t *name, size_t count) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  int fd = (int)raw3(SYS_openat, directory, component.bytes,
                     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct raw_status status;
  /* With O_PATH a link is ENOTDIR, not ELOOP. */
  if (fd == -ENOTDIR && raw_stat(directory, component.bytes, AT_SYMLINK_NOFOLLOW, &status) == 0 &&
      S_ISLNK(status.mode))
    return -ELOOP;
  return fd;
}

int32_t capus_make_directory(int32_t directory, const uint8_t *name, size_t count, uint32_t mode) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  long old_mask = raw1(SYS_umask, 0);
  long outcome = raw3(SYS_mkdirat, directory, component.bytes, mode);
  raw1(SYS_umask, old_mask);
  return (int32_t)outcome;
}

int32_t capus_node_kind(int32_t directory, const uint8_t *name, size_t count) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  struct raw_status status;
  failure = raw_stat(directory, component.bytes, AT_SYMLINK_NOFOLLOW, &status);
  if (failure < 0)
    return failure;
  if (S_ISSOCK(status.mode))
    return CAPUS_NODE_SOCKET;
  if (S_ISLNK(status.mode))
    return CAPUS_NODE_LINK;
  return S_ISDIR(status.mode) ? CAPUS_NODE_DIRECTORY : CAPUS_NODE_OTHER;
}

int32_t capus_remove_node(int32_t directory, const uint8_t *name, size_t count) {
  struct name component;
  int failure = terminate(&component, name, count);
  return failure < 0 ? failure : (int32_t)raw3(SYS_unlinkat, directory, component.bytes, 0);
}

int32_t capus_own_node(int32_t directory, const uint8_t *name, size_t count, int32_t user,
                       int32_t group) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  int fd = (int)raw3(SYS_openat, directory, component.bytes, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return fd;
  struct raw_status status;
  int32_t outcome = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (outcome == 0 && !S_ISSOCK(status.mode))
    outcome = -EEXIST;
  if (outcome == 0 &&
      ((user >= 0 && status.uid != (uid_t)user) || (group >= 0 && status.gid != (gid_t)group)))
    outcome = (int32_t)raw5(SYS_fchownat, fd, "", user, group, AT_EMPTY_PATH);
  raw1(SYS_close, fd);
  return outcome;
}
