#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "raw.h"

/* The one with seconds and microseconds of a machine word, that every kernel knows. */
#define OLD_SNDTIMEO 21

enum { path_limit = 4096 };

/* Copies a path and ends it with a NUL. */
static int copy_path(char *to, size_t capacity, const uint8_t *path, size_t count) {
  if (count == 0)
    return -ENOENT;
  if (count >= capacity)
    return -ENAMETOOLONG;
  for (size_t index = 0; index < count; index++) {
    to[index] = (char)path[index];
    if (path[index] == 0)
      return -EINVAL;
  }
  to[count] = 0;
  return 0;
}

/* Opens without waiting for a FIFO's other side. */
static int open_path(const uint8_t *path, size_t count, int flags) {
  char copy[path_limit];
  int failed = copy_path(copy, sizeof copy, path, count);
  return failed < 0 ? failed : raw_open(copy, O_RDONLY | O_NONBLOCK | flags);
}

static int look(int directory, const char *path, int flags, struct capus_owner *owner) {
  struct raw_status status;
  int failed = raw_stat(directory, path, flags, &status);
  if (failed < 0)
    return failed;
  *owner = (struct capus_owner){status.uid, status.gid, status.mode};
  return S_ISREG(status.mode) ? 0 : -EBADF;
}

int capus_open_regular(const uint8_t *path, size_t count, struct capus_owner *owner) {
  char copy[path_limit];
  int failed = copy_path(copy, sizeof copy, path, count);
  if (failed == 0)
    failed = look(AT_FDCWD, copy, 0, owner);
  if (failed < 0)
    return failed;
  int fd = raw_open(copy, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return fd;
  /* It may be another one by now. */
  failed = look(fd, "", AT_EMPTY_PATH, owner);
  if (failed == 0)
    return fd;
  raw1(SYS_close, fd);
  return failed;
}

int capus_owner(const uint8_t *path, size_t count, struct capus_owner *owner) {
  char copy[path_limit];
  int failed = copy_path(copy, sizeof copy, path, count);
  if (failed < 0)
    return failed;
  failed = look(AT_FDCWD, copy, 0, owner);
  return failed == -EBADF ? 0 : failed;
}

int capus_owner_of_link(const uint8_t *path, size_t count, struct capus_owner *owner) {
  char copy[path_limit];
  int failed = copy_path(copy, sizeof copy, path, count);
  if (failed < 0)
    return failed;
  failed = look(AT_FDCWD, copy, AT_SYMLINK_NOFOLLOW, owner);
  return failed == -EBADF ? 0 : failed;
}

int64_t capus_read_link(const uint8_t *path, size_t count, uint8_t *target, size_t capacity) {
  char copy[path_limit];
  int failed = copy_path(copy, sizeof copy, path, count);
  return failed < 0 ? failed : raw4(SYS_readlinkat, AT_FDCWD, copy, target, capacity);
}

int64_t capus_read_at(int fd, uint64_t offset, uint8_t *bytes, size_t count) {
  if (offset > INT64_MAX)
    return -EINVAL;
  ssize_t got;
  do
    got = pread(fd, bytes, count, (off_t)offset);
  while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

void capus_own_identity(uint32_t *user, uint32_t *group) {
  *user = geteuid();
  *group = getegid();
}

int capus_client_write(int fd, const uint8_t *bytes, uint32_t count) {
  while (count > 0) {
    long put = raw3(SYS_write, fd, bytes, count);
    if (put == -EAGAIN) {
      struct pollfd watched = {.fd = fd, .events = POLLOUT};
      poll(&watched, 1, -1);
    }
    if (put == -EINTR || put == -EAGAIN)
      continue;
    if (put < 0)
      return (int)put;
    bytes += put;
    count -= (uint32_t)put;
  }
  return 0;
}

/* Puts a name at its place in byte order among names that each end in a NUL; `used` grows. */
static int insert(uint8_t *names, size_t *used, size_t capacity, const char *name) {
  size_t length = strlen(name) + 1;
  size_t at = 0;
  if (length > capacity - *used)
    return -ENOBUFS;
  while (at < *used && strcmp((char *)names + at, name) < 0)
    at += strlen((char *)names + at) + 1;
  memmove(names + at + length, names + at, *used - at);
  memcpy(names + at, name, length);
  *used += length;
  return 0;
}

static int is_drop_in(const char *name) {
  size_t length = strlen(name);
  return name[0] != '.' && length > 5 && memcmp(name + length - 5, ".json", 5) == 0;
}

int64_t capus_drop_ins(const uint8_t *folder, size_t count, uint8_t *names, size_t capacity) {
  /* struct linux_dirent64 of getdents64(2). */
  struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
  };
  _Alignas(struct entry) char records[2048];
  int fd = open_path(folder, count, O_DIRECTORY);
  if (fd < 0)
    return fd;
  size_t used = 0;
  long got;
  while ((got = raw3(SYS_getdents64, fd, records, sizeof records)) > 0) {
    for (long at = 0; at < got;) {
      const struct entry *entry = (const struct entry *)(const void *)(records + at);
      if (is_drop_in(entry->name) && insert(names, &used, capacity, entry->name) < 0) {
        raw1(SYS_close, fd);
        return -ENOBUFS;
      }
      at += entry->length;
    }
  }
  raw1(SYS_close, fd);
  return got < 0 ? got : (int64_t)used;
}

int capus_client_connect(const uint8_t *path, uint32_t count, uint32_t timeout_ms) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int failed = copy_path(address.sun_path, sizeof address.sun_path, path, count);
  if (failed < 0)
    return failed;
  int fd = (int)raw3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  const long limit[2] = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
  raw5(SYS_setsockopt, fd, SOL_SOCKET, OLD_SNDTIMEO, limit, sizeof limit);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + 1);
  do
    failed = (int)raw3(SYS_connect, fd, &address, length);
  while (failed == -EINTR);
  if (failed < 0) {
    raw1(SYS_close, fd);
    return failed == -EAGAIN ? -ETIMEDOUT : failed;
  }
  return fd;
}

int capus_client_send(int fd, const uint8_t *frame, uint32_t count) {
  long put;
  do
    put = raw6(SYS_sendto, fd, (long)frame, count, MSG_NOSIGNAL, 0, 0);
  while (put == -EINTR);
  return put < 0 ? (int)put : 0;
}

int capus_client_receive(int fd, uint8_t *frame, uint32_t capacity, int timeout_ms) {
  int is_reset = 0;
  for (;;) {
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    int ready = poll(&watched, 1, timeout_ms);
    if (ready == 0)
      return -ETIMEDOUT;
    if (ready < 0) {
      if (errno == EINTR)
        continue;
      return -errno;
    }
    long got = raw6(SYS_recvfrom, fd, (long)frame, capacity, MSG_TRUNC, 0, 0);
    /* Said once; what was sent before the other end was closed comes after it. */
    if (got == -EINTR || (got == -ECONNRESET && !is_reset++))
      continue;
    return got > (long)capacity ? -EMSGSIZE : (int)got;
  }
}

void capus_client_pause(int32_t milliseconds) {
  poll(NULL, 0, milliseconds);
}

int capus_client_is_terminal(int fd) {
  struct termios settings;
  return raw3(SYS_ioctl, fd, TCGETS, &settings) == 0;
}

int capus_client_columns(int fd) {
  struct winsize size = {0};
  return raw3(SYS_ioctl, fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
