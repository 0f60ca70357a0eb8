/* The board as PID 1 finds it: streams, mounts, files, names, modules. */
#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "raw.h"

void capus_secure_streams(void) {
  for (int target = 0; target <= 2; target++) {
    if (raw2(NR_FCNTL, target, F_GETFD) != -EBADF)
      continue;
    /* The lowest free number is this one. Without /dev an eventfd serves: it takes no text and
       says so with EINVAL, at once. */
    int fd = (int)raw3(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    if (fd < 0)
      fd = (int)raw2(SYS_eventfd2, 0, EFD_NONBLOCK);
    if (fd >= 0 && fd != target) {
      raw3(SYS_dup3, fd, target, 0);
      raw1(SYS_close, fd);
    }
  }
}

void capus_close_inherited(void) {
  /* Before Linux 5.9, or where it is refused, one by one. */
  enum { MOST = 65536 };
  uint64_t limit[2] = {1024, 1024};
  if (raw3(NR_CLOSE_RANGE, 3, ~0U, 0) == 0)
    return;
  raw4(SYS_prlimit64, 0, 7, 0, limit);
  for (uint64_t fd = 3; fd < limit[0] && fd < MOST; fd++)
    raw1(SYS_close, fd);
}

int32_t capus_open_console(const char *path) {
  int fd = raw_open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return fd;
  int32_t outcome = 0;
  for (int target = 0; target <= 2 && outcome >= 0; target++)
    outcome =
        (int32_t)(fd == target ? raw3(NR_FCNTL, fd, F_SETFD, 0) : raw3(SYS_dup3, fd, target, 0));
  if (fd > 2)
    raw1(SYS_close, fd);
  return outcome < 0 ? outcome : 0;
}

int32_t capus_is_mount_point(const char *path) {
  char parent[256];
  size_t count = strlen(path);
  if (count + sizeof "/.." > sizeof parent)
    return -ENAMETOOLONG;
  memcpy(parent, path, count);
  memcpy(parent + count, "/..", sizeof "/..");
  struct raw_status own, above;
  int32_t outcome = raw_stat(AT_FDCWD, path, 0, &own);
  if (outcome == 0)
    outcome = raw_stat(AT_FDCWD, parent, 0, &above);
  if (outcome < 0)
    return outcome;
  return own.device[0] != above.device[0] || own.device[1] != above.device[1] ||
         own.inode == above.inode;
}

int32_t capus_mount(const char *source, const char *target, const char *type, uint32_t flags,
                    const char *options) {
  return (int32_t)raw5(SYS_mount, source, target, type, flags, options);
}

int32_t capus_make_path(const char *path, uint32_t mode) {
  long old_mask = raw1(SYS_umask, 0);
  long outcome = raw3(SYS_mkdirat, AT_FDCWD, path, mode);
  raw1(SYS_umask, old_mask);
  return (int32_t)outcome;
}

int32_t capus_make_link(const char *target, const char *path) {
  return (int32_t)raw3(SYS_symlinkat, target, AT_FDCWD, path);
}

int32_t capus_exists(const char *path) {
  return raw3(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
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
  int fd = raw_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return fd;
  int64_t count = capus_read_all(fd, bytes, capacity);
  raw1(SYS_close, fd);
  return count;
}

int32_t capus_write_file(const char *path, const uint8_t *bytes, size_t count) {
  int fd = raw_open(path, O_WRONLY | O_NOCTTY);
  if (fd < 0)
    return fd;
  long written = raw3(SYS_write, fd, bytes, count);
  raw1(SYS_close, fd);
  return written < 0 ? (int32_t)written : 0;
}

int32_t capus_set_host_name(const uint8_t *name, size_t count) {
  return (int32_t)raw2(SYS_sethostname, name, count);
}

int32_t capus_raise_loopback(void) {
  int fd = (int)raw3(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, "lo", 2);
  int32_t outcome = (int32_t)raw3(SYS_ioctl, fd, SIOCGIFFLAGS, &request);
  if (outcome == 0 && !(request.ifr_flags & IFF_UP)) {
    request.ifr_flags |= IFF_UP;
    outcome = (int32_t)raw3(SYS_ioctl, fd, SIOCSIFFLAGS, &request);
  }
  raw1(SYS_close, fd);
  return outcome;
}

int32_t capus_load_module(const char *path, int32_t is_compressed) {
  enum { COMPRESSED_FILE = 4 }; /* MODULE_INIT_COMPRESSED_FILE */
  int fd = raw_open(path, O_RDONLY);
  if (fd < 0)
    return fd;
  int32_t outcome = (int32_t)raw3(SYS_finit_module, fd, "", is_compressed ? COMPRESSED_FILE : 0);
  raw1(SYS_close, fd);
  return outcome;
}

int32_t capus_kernel_release(uint8_t *bytes, size_t capacity) {
  struct utsname names;
  int32_t outcome = (int32_t)raw1(SYS_uname, &names);
  if (outcome < 0)
    return outcome;
  size_t count = strlen(names.release);
  if (count > capacity)
    return -ENAMETOOLONG;
  memcpy(bytes, names.release, count);
  return (int32_t)count;
}

int32_t capus_is_privileged_by_file(void) {
  return getauxval(AT_SECURE) != 0;
}

int32_t capus_is_initial_pid_namespace(void) {
  struct raw_status status;
  /* Before /proc is mounted, or on a kernel without namespaces: the second process of a machine is
   * the kernel's own, of no group. */
  if (raw_stat(AT_FDCWD, "/proc/self/ns/pid", 0, &status) < 0)
    return raw1(SYS_getpgid, 2) == 0;
  return status.inode == 0xEFFFFFFCU;
}
