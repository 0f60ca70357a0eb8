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
#include <sys/statfs.h>
#include <sys/un.h>

#include "errand.h"
#include "place.h"
#include "raw.h"

enum { STREAM, DATAGRAM, SEQPACKET, FIFO, NETLINK, SPECIAL };
enum { FUNCTIONFS = 0xa647361 };

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
static int make_node(const struct capus_listener *listener, const struct walk *walk, int fd,
                     const union address *address, int size) {
  long old_mask = raw1(SYS_umask, 0777 & ~listener->mode);
  int old_group = listener->group >= 0 ? setfsgid((gid_t)listener->group) : -1;
  int result = (int)(fd >= 0 ? raw3(SYS_bind, fd, address, size)
                             : raw4(SYS_mknodat, walk->directory, walk->name, S_IFIFO | 0777, 0));
  if (old_group >= 0)
    setfsgid((gid_t)old_group);
  raw1(SYS_umask, old_mask);
  return result;
}

/* Opens, with O_PATH, the node that was made, which must be what its name leads to. */
static int open_made(const struct walk *walk, int fd, struct capus_node *node) {
  struct raw_status named, bound;
  int by_name =
      (int)raw4(SYS_openat, walk->directory, walk->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  int result = by_name < 0 ? by_name : raw_stat(by_name, "", AT_EMPTY_PATH, &named);
  int made = result == 0 && S_ISSOCK(named.mode) ? capus_bound_node(fd) : -1;
  if (made >= 0) {
    result = raw_stat(made, "", AT_EMPTY_PATH, &bound);
    if (result == 0 && !capus_is_same(&named, &bound))
      result = -EEXIST;
    raw1(SYS_close, made);
  }
  if (result < 0) {
    if (by_name >= 0)
      raw1(SYS_close, by_name);
    return result;
  }
  node->identity = capus_identity(&named);
  return by_name;
}

/* A socket that is bound and listens; with a node at the end of the walk, if there is one. */
static int make_socket(const struct capus_listener *listener, unsigned form,
                       const struct walk *walk, struct capus_node *node) {
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
  node->step = CAPUS_SOCKET;
  int fd = (int)raw3(
      SYS_socket, address.family,
      types[listener->kind] | SOCK_CLOEXEC | (listener->nonblocking ? SOCK_NONBLOCK : 0), protocol);
  if (fd < 0)
    return fd;
  node->step = CAPUS_OPTIONS;
  int result = capus_set_options(listener, fd, address.family);
  if (result == 0) {
    node->step = CAPUS_RESOLVE;
    result = walk ? capus_place_address(walk, listener->text, &address.local)
                  : fill(listener, fd, &address);
  }
  if (result > 0) {
    node->step = CAPUS_BIND;
    result = walk ? make_node(listener, walk, fd, &address, result)
                  : (int)raw3(SYS_bind, fd, &address, result);
  }
  int is_bound = result == 0;
  if (result == 0 && (listener->kind == STREAM || listener->kind == SEQPACKET)) {
    node->step = CAPUS_LISTEN;
    result = (int)raw2(SYS_listen, fd, listener->backlog);
  }
  /* Last, so that nobody who finds the node is refused. */
  if (result == 0 && walk) {
    node->step = CAPUS_OWNER;
    int made = open_made(walk, fd, node);
    result = made < 0 ? made
                      : capus_own(made, S_IFSOCK, listener->mode, listener->user, listener->group);
    if (made >= 0)
      raw1(SYS_close, made);
  }
  if (result == 0)
    return fd;
  if (is_bound && walk)
    raw3(SYS_unlinkat, walk->directory, walk->name, 0);
  raw1(SYS_close, fd);
  return result;
}

/* Both ends of it are ours, so it never hangs up. */
static int make_fifo(const struct capus_listener *listener, const struct walk *walk,
                     struct capus_node *node) {
  struct raw_status status;
  char path[CAPUS_LINK_BYTES];
  node->step = CAPUS_BIND;
  int result = make_node(listener, walk, -1, NULL, 0);
  if (result < 0)
    return result;
  int fd = -1, made = open_made(walk, -1, node);
  result = made < 0 ? made : raw_stat(made, "", AT_EMPTY_PATH, &status);
  if (result == 0 && !S_ISFIFO(status.mode))
    result = -EEXIST;
  if (result == 0) {
    capus_link_path(path, made, NULL);
    result = fd = raw_open(path, O_RDWR | O_NONBLOCK);
    if (fd == -ENOENT)
      result = fd = (int)raw4(SYS_openat, walk->directory, walk->name,
                              O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
  }
  if (fd >= 0) {
    node->step = CAPUS_OWNER;
    result = capus_own(made, S_IFIFO, listener->mode, listener->user, listener->group);
  }
  uint32_t size = capus_listener_value(listener, CAPUS_KEY_PIPE_SIZE);
  if (result == 0 && size > 0) {
    node->step = CAPUS_OPTIONS;
    result = (int)raw3(NR_FCNTL, fd, F_SETPIPE_SZ, size);
  }
  if (made >= 0)
    raw1(SYS_close, made);
  if (result >= 0)
    return fd;
  raw3(SYS_unlinkat, walk->directory, walk->name, 0);
  if (fd >= 0)
    raw1(SYS_close, fd);
  return result;
}

static int open_special(const struct capus_listener *listener, struct capus_node *node) {
  const char *path = listener->text;
  struct raw_status status;
  struct walk walk;
  int fd = (int)capus_walk(&walk, path, listener->links | WALK_LAST_LINK, -1);
  node->culprit = walk.culprit;
  if (fd < 0)
    return fd;
  node->culprit = 0;
  /* Who serves a USB function writes its descriptors into what tells of events. */
  struct statfs system = {0};
  const int is_written = (listener->flags >> CAPUS_KEY_WRITABLE & 1) ||
                         (fstatfs(walk.directory, &system) == 0 && system.f_type == FUNCTIONFS);
  fd = (int)capus_open_node(&walk, (is_written ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0, &status);
  raw1(SYS_close, walk.directory);
  if (fd < 0)
    return fd;
  int result = 0;
  if (!S_ISCHR(status.mode) && !S_ISREG(status.mode))
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

int capus_bind_path(const struct capus_listener *listener, const struct walk *walk,
                    struct capus_node *node) {
  const int is_fifo = listener->kind == FIFO;
  node->step = CAPUS_PROBE;
  int result = capus_clear(walk, listener->text, is_fifo ? S_IFIFO : S_IFSOCK);
  if (result < 0)
    return result;
  return is_fifo ? make_fifo(listener, walk, node) : make_socket(listener, CAPUS_PATH, walk, node);
}

int32_t capus_bind_any(const struct capus_listener *listener, struct capus_node *node) {
  if (listener->kind == SPECIAL) {
    node->step = CAPUS_BIND;
    return open_special(listener, node);
  }
  if (listener->form == CAPUS_PATH)
    return capus_bind_node(listener, node);
  int fd = make_socket(listener, listener->form, NULL, node);
  /* No IPv6 in the kernel, or switched off (disable_ipv6). */
  if (listener->form == CAPUS_EVERY && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) &&
      !(listener->flags >> CAPUS_KEY_IPV6_ONLY & 1))
    fd = make_socket(listener, CAPUS_INET4, NULL, node);
  return fd;
}

static int32_t errand(enum errand_kind kind, struct capus_listener *listener,
                      struct capus_node *node) {
  struct errand errand = {
      .kind = (uint8_t)kind, .index = listener->index, .listener = listener, .node = node};
  *node = (struct capus_node){0};
  return capus_errand(&errand);
}

void capus_make_links(struct capus_listener *listener, struct capus_node *node) {
  const int32_t result = errand(ERRAND_LINK, listener, node);
  if (result < 0 && node->link_error == 0)
    node->link_error = -result;
}

int32_t capus_bind_listener(struct capus_listener *listener, struct capus_node *node) {
  const int32_t fd = errand(ERRAND_BIND, listener, node);
  struct capus_node links;
  if (fd >= 0 && listener->form == CAPUS_PATH && listener->kind != SPECIAL) {
    capus_make_links(listener, &links);
    node->link_error = links.link_error;
  }
  return fd;
}

void capus_unbind_listener(struct capus_listener *listener, int32_t fd) {
  struct capus_node node;
  int domain = 0;
  socklen_t size = sizeof domain;
  /* What waits in a unix socket's queue may hold descriptors. */
  if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
    capus_put_away_soon(fd);
  else
    raw1(SYS_close, fd);
  errand(ERRAND_REMOVE, listener, &node);
}
