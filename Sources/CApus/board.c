/* The board as PID 1 finds it: streams, mounts, files, names, modules. */
#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "raw.h"

static int32_t result(int32_t value) {
  return value < 0 ? -errno : value;
}

void capus_secure_streams(void) {
  for (int target = 0; target <= 2; target++) {
    if (fcntl(target, F_GETFD) >= 0 || errno != EBADF)
      continue;
    /* The lowest free number is this one. Without /dev an eventfd serves: it takes no text and
       says so with EINVAL, at once. */
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0)
      fd = eventfd(0, EFD_NONBLOCK);
    if (fd >= 0 && fd != target) {
      dup2(fd, target);
      close(fd);
    }
  }
}

int32_t capus_open_console(const char *path) {
  int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int32_t outcome = 0;
  for (int target = 0; target <= 2 && outcome >= 0; target++)
    outcome = fd == target ? result(fcntl(fd, F_SETFD, 0)) : result(dup2(fd, target));
  if (fd > 2)
    close(fd);
  return outcome < 0 ? outcome : 0;
}

int32_t capus_is_mount_point(const char *path) {
  char parent[256];
  size_t count = strlen(path);
  if (count + sizeof "/.." > sizeof parent)
    return -ENAMETOOLONG;
  memcpy(parent, path, count);
  memcpy(parent + count, "/..", sizeof "/..");
  struct stat own, above;
  if (stat(path, &own) < 0 || stat(parent, &above) < 0)
    return -errno;
  return own.st_dev != above.st_dev || own.st_ino == above.st_ino;
}

int32_t capus_mount(const char *source, const char *target, const char *type, uint32_t flags,
                    const char *options) {
  return result(mount(source, target, type, flags, options));
}

int32_t capus_make_path(const char *path, uint32_t mode) {
  mode_t old_mask = umask(0);
  int32_t outcome = result(mkdir(path, mode));
  umask(old_mask);
  return outcome;
}

int32_t capus_make_link(const char *target, const char *path) {
  return result(symlink(target, path));
}

int32_t capus_exists(const char *path) {
  return access(path, F_OK) == 0;
}

int64_t capus_read_all(int32_t fd, uint8_t *bytes, size_t capacity) {
  size_t count = 0;
  while (count < capacity) {
    long got = raw3(SYS_read, fd, bytes + count, capacity - count);
    if (got == -EINTR)
      continue;
    if (got < 0)
      return got;
    if (got == 0)
      break;
    count += (size_t)got;
  }
  return (int64_t)count;
}

int64_t capus_read_file(const char *path, uint8_t *bytes, size_t capacity) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return -errno;
  int64_t count = capus_read_all(fd, bytes, capacity);
  close(fd);
  return count;
}

int32_t capus_write_file(const char *path, const uint8_t *bytes, size_t count) {
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return -errno;
  int32_t outcome = write(fd, bytes, count) < 0 ? -errno : 0;
  close(fd);
  return outcome;
}

int32_t capus_set_host_name(const uint8_t *name, size_t count) {
  return result(sethostname((const char *)name, count));
}

int32_t capus_raise_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, "lo", 2);
  int32_t outcome = result(ioctl(fd, SIOCGIFFLAGS, &request));
  if (outcome == 0 && !(request.ifr_flags & IFF_UP)) {
    request.ifr_flags |= IFF_UP;
    outcome = result(ioctl(fd, SIOCSIFFLAGS, &request));
  }
  close(fd);
  return outcome;
}

int32_t capus_load_module(const char *path, int32_t is_compressed) {
  enum { COMPRESSED_FILE = 4 }; /* MODULE_INIT_COMPRESSED_FILE */
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int32_t outcome = (int32_t)raw3(SYS_finit_module, fd, "", is_compressed ? COMPRESSED_FILE : 0);
  close(fd);
  return outcome;
}

int32_t capus_kernel_release(uint8_t *bytes, size_t capacity) {
  struct utsname names;
  if (uname(&names) < 0)
    return -errno;
  size_t count = strlen(names.release);
  if (count > capacity)
    return -ENAMETOOLONG;
  memcpy(bytes, names.release, count);
  return (int32_t)count;
}

int32_t capus_is_initial_pid_namespace(void) {
  struct stat status;
  if (stat("/proc/self/ns/pid", &status) < 0)
    return 1; /* a kernel without namespaces */
  return status.st_ino == 0xEFFFFFFCU;
}
