#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "raw.h"

static int enter(int directory, const char *name, uint32_t mode) {
  for (int pass = 0;; pass++) {
    int fd =
        (int)raw4(SYS_openat, directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    struct raw_status status;
    /* With O_PATH a link is ENOTDIR, not ELOOP. */
    if (fd == -ENOTDIR && raw_stat(directory, name, AT_SYMLINK_NOFOLLOW, &status) == 0 &&
        S_ISLNK(status.mode))
      return -ELOOP;
    if (fd != -ENOENT || pass > 0)
      return fd;
    long old_mask = raw1(SYS_umask, 0);
    long made = raw3(SYS_mkdirat, directory, name, mode);
    raw1(SYS_umask, old_mask);
    /* Somebody else made it meanwhile: good, if it is a directory. */
    if (made < 0 && made != -EEXIST)
      return (int)made;
  }
}

int capus_walk(const char *path, uint32_t directory_mode, const char **name) {
  char component[NAME_MAX + 1];
  size_t length = strlen(path);
  if (*path != '/' || path[length - 1] == '/')
    return -EINVAL;
  int directory = raw_open("/", O_PATH | O_DIRECTORY);
  while (directory >= 0) {
    while (*path == '/')
      path++;
    const char *end = path;
    while (*end && *end != '/')
      end++;
    size_t count = (size_t)(end - path);
    int next = -EINVAL;
    if (*path == '.' && (count == 1 || (count == 2 && path[1] == '.')))
      ;
    else if (!*end) {
      *name = path;
      return directory;
    } else if (count > NAME_MAX) {
      next = -ENAMETOOLONG;
    } else {
      memcpy(component, path, count);
      component[count] = 0;
      next = enter(directory, component, directory_mode);
    }
    raw1(SYS_close, directory);
    directory = next;
    path = end;
  }
  return directory;
}

/* Is somebody there? connect(2) and a FIFO's readers tell, without waiting. */
static int probe(int directory, const char *name, const char *path, uint32_t type) {
  if (type == S_IFLNK)
    return -ECONNREFUSED;
  if (type == S_IFIFO) {
    int fd =
        (int)raw4(SYS_openat, directory, name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd >= 0)
      raw1(SYS_close, fd);
    return fd == -ENXIO ? -ECONNREFUSED : fd < 0 ? fd : 0;
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof address.sun_path)
    return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  int fd = (int)raw3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  int result = (int)raw3(SYS_connect, fd, &address, sizeof address);
  raw1(SYS_close, fd);
  /* Its queue is full, or it is of another kind. */
  return result == -EAGAIN || result == -EPROTOTYPE ? 0 : result;
}

int capus_clear(int directory, const char *name, const char *path, uint32_t type) {
  struct raw_status status;
  int result = raw_stat(directory, name, AT_SYMLINK_NOFOLLOW, &status);
  uint32_t found = status.mode & S_IFMT;
  if (result < 0)
    return result == -ENOENT ? 0 : result;
  if (found != type)
    return found == S_IFLNK ? -ELOOP : found == S_IFDIR ? -EISDIR : -EEXIST;
  result = probe(directory, name, path, type);
  if (result == 0)
    return -EADDRINUSE;
  if (result == -ECONNREFUSED)
    result = (int)raw3(SYS_unlinkat, directory, name, 0);
  return result == -ENOENT ? 0 : result;
}

int capus_own(int fd, uint32_t type, int32_t user, int32_t group) {
  struct raw_status status;
  int result = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (result == 0 && (status.mode & S_IFMT) != type)
    result = -EEXIST;
  if (result == 0 &&
      ((user >= 0 && status.uid != (uid_t)user) || (group >= 0 && status.gid != (gid_t)group)))
    result = (int)raw5(SYS_fchownat, fd, "", user, group, AT_EMPTY_PATH);
  return result;
}
