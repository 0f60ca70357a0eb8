#include "place.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "raw.h"

/* unix(7) does not tell of it; include/uapi/linux/un.h does. */
enum { UNIX_FILE = 0x89e0 };

int capus_place_address(const struct walk *walk, const char *path, struct sockaddr_un *address) {
  char by_descriptor[CAPUS_LINK_BYTES];
  size_t length = strlen(path);
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (length >= sizeof address->sun_path)
    return -ENAMETOOLONG;
  if (!walk->is_fixed) {
    capus_link_path(by_descriptor, walk->directory, walk->name);
    path = by_descriptor;
    length = strlen(path);
    if (length >= sizeof address->sun_path)
      return -ENAMETOOLONG;
  }
  memcpy(address->sun_path, path, length);
  return sizeof *address;
}

/* Is somebody there? connect(2) and a FIFO's readers tell, without waiting. */
static int probe(const struct walk *walk, const char *path, uint32_t type) {
  if (type == S_IFLNK)
    return -ECONNREFUSED;
  if (type == S_IFIFO) {
    int fd = (int)raw4(SYS_openat, walk->directory, walk->name,
                       O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0);
    if (fd >= 0)
      raw1(SYS_close, fd);
    return fd == -ENXIO ? -ECONNREFUSED : fd < 0 ? fd : 0;
  }
  struct sockaddr_un address;
  int result = capus_place_address(walk, path, &address);
  if (result < 0)
    return result;
  int fd = (int)raw3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  result = (int)raw3(SYS_connect, fd, &address, sizeof address);
  raw1(SYS_close, fd);
  /* Its queue is full, or it is of another kind. */
  return result == -EAGAIN || result == -EPROTOTYPE ? 0 : result;
}

int capus_clear(const struct walk *walk, const char *path, uint32_t type) {
  struct raw_status status;
  /* Something may be mounted there. */
  int result = raw_stat_now((int)walk->directory, walk->name, AT_SYMLINK_NOFOLLOW, &status);
  uint32_t found = status.mode & S_IFMT;
  if (result < 0)
    return result == -ENOENT ? 0 : result;
  if (found != type)
    return found == S_IFLNK ? -ELOOP : found == S_IFDIR ? -EISDIR : -EEXIST;
  result = probe(walk, path, type);
  if (result == 0)
    return -EADDRINUSE;
  if (result == -ECONNREFUSED)
    result = (int)raw3(SYS_unlinkat, walk->directory, walk->name, 0);
  return result == -ENOENT ? 0 : result;
}

int capus_own(int fd, uint32_t type, uint32_t mode, int32_t user, int32_t group) {
  struct raw_status status;
  int result = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (result == 0 && (status.mode & S_IFMT) != type)
    result = -EEXIST;
  if (result == 0 &&
      ((user >= 0 && status.uid != (uid_t)user) || (group >= 0 && status.gid != (gid_t)group)))
    result = (int)raw5(SYS_fchownat, fd, "", user, group, AT_EMPTY_PATH);
  /* The umask gave it its mode, but for a directory whose default ACL decides that. */
  if (result == 0 && (status.mode & 07777) != mode) {
    char path[CAPUS_LINK_BYTES];
    capus_link_path(path, fd, NULL);
    result = (int)raw3(SYS_fchmodat, AT_FDCWD, path, mode);
  }
  return result;
}

long capus_write_anew(const struct walk *walk, const char *bytes, size_t count, int mode) {
  char next[NAME_MAX + 8];
  raw_text(raw_text(next, walk->name), ".new");
  raw3(SYS_unlinkat, walk->directory, next, 0);
  int fd =
      (int)raw4(SYS_openat, walk->directory, next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0)
    return fd;
  long error = raw3(SYS_write, fd, bytes, count);
  if (error >= 0)
    error = (size_t)error < count ? -ENOSPC : raw1(SYS_fsync, fd);
  raw1(SYS_close, fd);
  if (error == 0)
    error = raw4(SYS_renameat, walk->directory, next, walk->directory, walk->name);
  if (error < 0)
    return error;
  fd = (int)raw4(SYS_openat, walk->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  error = fd < 0 ? fd : raw1(SYS_fsync, fd);
  raw1(SYS_close, fd);
  return error;
}

int capus_bound_node(int fd) {
  return (int)raw3(SYS_ioctl, fd, UNIX_FILE, 0);
}
