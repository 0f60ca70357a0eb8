/* Listeners of every kind (unix(7), ip(7), ipv6(7), vsock(7), netlink(7), fifo(7)). */
#include "listener.h"
#include "closer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "place.h"
#include "raw.h"

enum { STREAM, DATAGRAM, SEQPACKET, FIFO, NETLINK, SPECIAL };

struct sockaddr_of_vsock {
  uint16_t family, reserved;
  uint32_t port, cid;
  uint32_t zero;
};

struct sockaddr_of_netlink {
  uint16_t family, reserved;
  uint32_t port, groups;
};

union address {
  uint16_t family;
  struct sockaddr_un local;
  struct sockaddr_in inet4;
  struct sockaddr_in6 inet6;
  struct sockaddr_of_vsock vsock;
  struct sockaddr_of_netlink netlink;
};

/* Fills in the address and returns its size, or -errno. */
static int fill(const struct capus_listener *listener, int fd, union address *address) {
  size_t length = strlen(listener->text);
  switch (address->family) {
  case AF_UNIX:
    if (length >= sizeof address->local.sun_path)
      return -ENAMETOOLONG;
    if (listener->form == CAPUS_PATH) {
      memcpy(address->local.sun_path, listener->text, length);
      return sizeof address->local;
    }
    memcpy(address->local.sun_path + 1, listener->text, length);
    return (int)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
  case AF_INET:
    address->inet4.sin_port = htons((uint16_t)listener->port);
    address->inet4.sin_addr.s_addr = htonl((uint32_t)listener->low);
    return sizeof address->inet4;
  case AF_VSOCK:
    address->vsock.port = listener->port;
    address->vsock.cid = (uint32_t)listener->low;
    return sizeof address->vsock;
  case AF_NETLINK:
    address->netlink.groups = (uint32_t)listener->low;
    return sizeof address->netlink;
  }
  address->inet6.sin6_port = htons((uint16_t)listener->port);
  for (int index = 0; index < 16; index++)
    address->inet6.sin6_addr.s6_addr[index] =
        (uint8_t)((index < 8 ? listener->high : listener->low) >> (56 - 8 * (index & 7)));
  if (length > 0) {
    struct ifreq request = {0};
    if (length >= sizeof request.ifr_name)
      return -ENODEV;
    memcpy(request.ifr_name, listener->text, length);
    int result = (int)raw3(SYS_ioctl, fd, SIOCGIFINDEX, &request);
    if (result < 0)
      return result;
    address->inet6.sin6_scope_id = (uint32_t)request.ifr_ifindex;
  }
  return sizeof address->inet6;
}

/* Makes a node with the mode and the file system group of this very moment, so nobody ever sees
   another. A socket's by bind(2), a FIFO's with `fd` -1. */
static int make_node(const struct capus_listener *listener, int directory, const char *name, int fd,
                     const union address *address, int size) {
  long old_mask = raw1(SYS_umask, 0777 & ~listener->mode);
  int old_group = listener->group >= 0 ? setfsgid((gid_t)listener->group) : -1;
  int result = (int)(fd >= 0 ? raw3(SYS_bind, fd, address, size)
                             : raw4(SYS_mknodat, directory, name, S_IFIFO | 0777, 0));
  if (old_group >= 0)
    setfsgid((gid_t)old_group);
  raw1(SYS_umask, old_mask);
  return result;
}

/* A socket that is bound and listens; with a node in `directory`, if it has one. */
static int make_socket(const struct capus_listener *listener, unsigned form, int directory,
                       const char *name, uint8_t *step) {
  static const uint8_t families[] = {
      [CAPUS_PATH] = AF_UNIX,      [CAPUS_ABSTRACT] = AF_UNIX, [CAPUS_INET4] = AF_INET,
      [CAPUS_INET6] = AF_INET6,    [CAPUS_EVERY] = AF_INET6,   [CAPUS_VSOCK] = AF_VSOCK,
      [CAPUS_NETLINK] = AF_NETLINK};
  static const uint8_t types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, 0, SOCK_RAW};
  static const uint16_t protocols[] = {0, 262, 132, 136};
  union address address = {0};
  address.family = families[form];
  unsigned protocol = form == CAPUS_NETLINK
                          ? listener->port
                          : protocols[capus_listener_value(listener, CAPUS_KEY_PROTOCOL) & 3];
  *step = CAPUS_SOCKET;
  int fd = (int)raw3(
      SYS_socket, address.family,
      types[listener->kind] | SOCK_CLOEXEC | (listener->nonblocking ? SOCK_NONBLOCK : 0), protocol);
  if (fd < 0)
    return fd;
  *step = CAPUS_OPTIONS;
  int result = capus_set_options(listener, fd, address.family);
  if (result == 0) {
    *step = CAPUS_RESOLVE;
    result = fill(listener, fd, &address);
  }
  if (result > 0) {
    *step = CAPUS_BIND;
    result = name ? make_node(listener, directory, name, fd, &address, result)
                  : (int)raw3(SYS_bind, fd, &address, result);
  }
  int is_bound = result == 0;
  if (result == 0 && (listener->kind == STREAM || listener->kind == SEQPACKET)) {
    *step = CAPUS_LISTEN;
    result = (int)raw2(SYS_listen, fd, listener->backlog);
  }
  /* Last, so that nobody who finds the node is refused. */
  if (result == 0 && name) {
    *step = CAPUS_OWNER;
    int node = (int)raw4(SYS_openat, directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    result = node < 0 ? node : capus_own(node, S_IFSOCK, listener->user, listener->group);
    raw1(SYS_close, node);
  }
  if (result == 0)
    return fd;
  if (is_bound && name)
    raw3(SYS_unlinkat, directory, name, 0);
  raw1(SYS_close, fd);
  return result;
}

/* Both ends of it are ours, so it never hangs up. */
static int make_fifo(const struct capus_listener *listener, int directory, const char *name,
                     uint8_t *step) {
  *step = CAPUS_BIND;
  int result = make_node(listener, directory, name, -1, NULL, 0);
  if (result < 0)
    return result;
  int fd = (int)raw4(SYS_openat, directory, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
  result = fd;
  if (fd >= 0) {
    *step = CAPUS_OWNER;
    result = capus_own(fd, S_IFIFO, listener->user, listener->group);
  }
  uint32_t size = capus_listener_value(listener, CAPUS_KEY_PIPE_SIZE);
  if (result == 0 && size > 0) {
    *step = CAPUS_OPTIONS;
    result = (int)raw3(NR_FCNTL, fd, F_SETPIPE_SZ, size);
  }
  if (result >= 0)
    return fd;
  raw3(SYS_unlinkat, directory, name, 0);
  if (fd >= 0)
    raw1(SYS_close, fd);
  return result;
}

static int open_special(const char *path, uint8_t *step) {
  *step = CAPUS_BIND;
  int fd = raw_open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    fd = raw_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct raw_status status;
  if (fd < 0)
    return fd;
  int result = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (result == 0 && !S_ISCHR(status.mode) && !S_ISREG(status.mode))
    result = S_ISDIR(status.mode) ? -EISDIR : -EEXIST;
  if (result == 0) {
    /* A /sys file tells of changes since it was last read. */
    char byte;
    if (capus_special_events(path) != 1 && raw3(SYS_read, fd, &byte, 1) > 0)
      raw3(SYS_lseek, fd, 0, SEEK_SET);
    return fd;
  }
  raw1(SYS_close, fd);
  return result;
}

/* Makes or removes the symbolic links to a node. */
static int set_links(const struct capus_listener *listener, int is_made) {
  int result = 0;
  for (size_t index = 0; index < listener->value_count && result == 0; index++) {
    if (listener->values[index] >> 32 != CAPUS_KEY_SYMLINKS)
      continue;
    const char *path = listener->pool + (uint32_t)listener->values[index], *name;
    int directory = result = capus_walk(path, listener->directory_mode, &name);
    if (directory < 0)
      break;
    result = capus_clear(directory, name, path, S_IFLNK);
    if (result == 0 && is_made)
      result = (int)raw3(SYS_symlinkat, listener->text, directory, name);
    raw1(SYS_close, directory);
  }
  return result;
}

int32_t capus_bind_listener(const struct capus_listener *listener, uint8_t *step) {
  if (listener->kind == SPECIAL)
    return open_special(listener->text, step);
  if (listener->form != CAPUS_PATH) {
    int fd = make_socket(listener, listener->form, -1, NULL, step);
    /* No IPv6 in the kernel, or switched off (disable_ipv6). */
    if (listener->form == CAPUS_EVERY && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) &&
        !(listener->flags >> CAPUS_KEY_IPV6_ONLY & 1))
      fd = make_socket(listener, CAPUS_INET4, -1, NULL, step);
    return fd;
  }
  const char *name;
  int is_fifo = listener->kind == FIFO;
  *step = CAPUS_MAKE_DIRECTORY;
  int directory = capus_walk(listener->text, listener->directory_mode, &name);
  if (directory < 0)
    return directory;
  *step = CAPUS_PROBE;
  int fd = capus_clear(directory, name, listener->text, is_fifo ? S_IFIFO : S_IFSOCK);
  if (fd == 0)
    fd = is_fifo ? make_fifo(listener, directory, name, step)
                 : make_socket(listener, CAPUS_PATH, directory, name, step);
  if (fd >= 0) {
    int result = set_links(listener, 1);
    if (result < 0) {
      *step = CAPUS_LINK;
      raw3(SYS_unlinkat, directory, name, 0);
      raw1(SYS_close, fd);
      fd = result;
    }
  }
  raw1(SYS_close, directory);
  return fd;
}

void capus_unbind_listener(const struct capus_listener *listener, int32_t fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  /* What waits in a unix socket's queue may hold descriptors. */
  if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
    capus_put_away_soon(fd);
  else
    raw1(SYS_close, fd);
  const char *name;
  if (!(listener->flags >> CAPUS_KEY_REMOVE_ON_STOP & 1) || listener->form != CAPUS_PATH ||
      listener->kind == SPECIAL)
    return;
  int directory = capus_walk(listener->text, listener->directory_mode, &name);
  if (directory < 0)
    return;
  if (capus_clear(directory, name, listener->text, listener->kind == FIFO ? S_IFIFO : S_IFSOCK) ==
      0)
    set_links(listener, 0);
  raw1(SYS_close, directory);
}
