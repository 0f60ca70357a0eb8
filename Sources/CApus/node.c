/* Nodes of the file system, reached one component at a time (openat(2), path_resolution(7)). */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct name {
  char bytes[NAME_MAX + 1];
};

static int32_t result(int32_t value) {
  return value < 0 ? -errno : value;
}

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
  return result(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

int32_t capus_open_directory(int32_t directory, const uint8_t *name, size_t count) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  int fd = openat(directory, component.bytes, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0)
    return fd;
  int error = errno;
  struct stat status;
  /* With O_PATH a link is ENOTDIR, not ELOOP. */
  if (error == ENOTDIR && fstatat(directory, component.bytes, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISLNK(status.st_mode))
    return -ELOOP;
  return -error;
}

int32_t capus_make_directory(int32_t directory, const uint8_t *name, size_t count, uint32_t mode) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  mode_t old_mask = umask(0);
  int32_t outcome = result(mkdirat(directory, component.bytes, mode));
  umask(old_mask);
  return outcome;
}

int32_t capus_node_kind(int32_t directory, const uint8_t *name, size_t count) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  struct stat status;
  if (fstatat(directory, component.bytes, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (S_ISSOCK(status.st_mode))
    return CAPUS_NODE_SOCKET;
  if (S_ISLNK(status.st_mode))
    return CAPUS_NODE_LINK;
  return S_ISDIR(status.st_mode) ? CAPUS_NODE_DIRECTORY : CAPUS_NODE_OTHER;
}

int32_t capus_remove_node(int32_t directory, const uint8_t *name, size_t count) {
  struct name component;
  int failure = terminate(&component, name, count);
  return failure < 0 ? failure : result(unlinkat(directory, component.bytes, 0));
}

int32_t capus_own_node(int32_t directory, const uint8_t *name, size_t count, int32_t user,
                       int32_t group) {
  struct name component;
  int failure = terminate(&component, name, count);
  if (failure < 0)
    return failure;
  int fd = openat(directory, component.bytes, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  struct stat status;
  int32_t outcome = result(fstat(fd, &status));
  if (outcome == 0 && !S_ISSOCK(status.st_mode))
    outcome = -EEXIST;
  if (outcome == 0 && ((user >= 0 && status.st_uid != (uid_t)user) ||
                       (group >= 0 && status.st_gid != (gid_t)group)))
    outcome = result(fchownat(fd, "", (uid_t)user, (gid_t)group, AT_EMPTY_PATH));
  close(fd);
  return outcome;
}
