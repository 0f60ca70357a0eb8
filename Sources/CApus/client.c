#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { path_limit = 4096 };

/* Copies a path and ends it with a NUL. */
static int copy_path(char *to, const uint8_t *path, uint32_t count) {
  if (count == 0)
    return -ENOENT;
  if (count >= path_limit)
    return -ENAMETOOLONG;
  if (memchr(path, 0, count) != NULL)
    return -EINVAL;
  memcpy(to, path, count);
  to[count] = 0;
  return 0;
}

/* Opens without waiting for a FIFO's other side. */
static int open_path(const uint8_t *path, uint32_t count, int flags) {
  char copy[path_limit];
  int failed = copy_path(copy, path, count);
  if (failed < 0)
    return failed;
  int fd = open(copy, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
  return fd < 0 ? -errno : fd;
}

int capus_client_open(const uint8_t *path, uint32_t count) {
  int fd = open_path(path, count, O_NOCTTY);
  if (fd < 0)
    return fd;
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    close(fd);
    return -EISDIR;
  }
  fcntl(fd, F_SETFL, 0);
  return fd;
}

int64_t capus_client_read(int fd, uint8_t *bytes, uint32_t capacity) {
  ssize_t got;
  do
    got = read(fd, bytes, capacity);
  while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

int capus_client_write(int fd, const uint8_t *bytes, uint32_t count) {
  while (count > 0) {
    ssize_t put = write(fd, bytes, count);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0 && errno == EAGAIN) {
      struct pollfd watched = {.fd = fd, .events = POLLOUT};
      poll(&watched, 1, -1);
      continue;
    }
    if (put < 0)
      return -errno;
    bytes += put;
    count -= (uint32_t)put;
  }
  return 0;
}

void capus_client_close(int fd) {
  close(fd);
}

int64_t capus_client_entries(const uint8_t *path, uint32_t count, uint8_t *names,
                             uint32_t capacity) {
  /* struct linux_dirent64 of getdents64(2). */
  struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
  };
  _Alignas(struct entry) char records[4096];
  int fd = open_path(path, count, O_DIRECTORY);
  if (fd < 0)
    return fd;
  int64_t used = 0;
  for (;;) {
    long got = syscall(SYS_getdents64, fd, records, sizeof records);
    if (got < 0)
      used = -errno;
    if (got <= 0)
      break;
    for (long at = 0; at < got && used >= 0;) {
      struct entry *entry = (struct entry *)(void *)(records + at);
      size_t length = strlen(entry->name) + 1;
      if (length > capacity - (uint64_t)used) {
        used = -ENOBUFS;
        break;
      }
      memcpy(names + used, entry->name, length);
      used += (int64_t)length;
      at += entry->length;
    }
    if (used < 0)
      break;
  }
  close(fd);
  return used;
}

int capus_client_connect(const uint8_t *path, uint32_t count, uint32_t timeout_ms) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count == 0)
    return -ENOENT;
  if (count >= sizeof address.sun_path)
    return -ENAMETOOLONG;
  if (memchr(path, 0, count) != NULL)
    return -EINVAL;
  memcpy(address.sun_path, path, count);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + 1);
  int failed;
  do
    failed = connect(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
  while (failed == -EINTR);
  if (failed < 0) {
    close(fd);
    return failed == -EAGAIN ? -ETIMEDOUT : failed;
  }
  return fd;
}

int capus_client_send(int fd, const uint8_t *frame, uint32_t count) {
  ssize_t put;
  do
    put = send(fd, frame, count, MSG_NOSIGNAL);
  while (put < 0 && errno == EINTR);
  return put < 0 ? -errno : 0;
}

int capus_client_receive(int fd, uint8_t *frame, uint32_t capacity, int timeout_ms) {
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
    ssize_t got = recv(fd, frame, capacity, MSG_TRUNC);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    return got > (ssize_t)capacity ? -EMSGSIZE : (int)got;
  }
}

static int64_t clock_us(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t capus_client_boottime(void) {
  return clock_us(CLOCK_BOOTTIME);
}

int64_t capus_client_realtime(void) {
  return clock_us(CLOCK_REALTIME);
}

int capus_client_is_terminal(int fd) {
  struct termios settings;
  return ioctl(fd, TCGETS, &settings) == 0;
}

const char *capus_client_variable(const char *name) {
  return getenv(name);
}
