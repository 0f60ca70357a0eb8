/* Sockets of listeners: addresses and options (socket(7), ip(7), ipv6(7), tcp(7), unix(7)). */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "raw.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

int32_t capus_socket(enum capus_family family, enum capus_socket_kind kind, int32_t nonblocking) {
  static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
  static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  int flags = SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
  return (int32_t)raw3(SYS_socket, families[family], kinds[kind] | flags, 0);
}

int32_t capus_socket_option(int32_t fd, enum capus_option option, int32_t value) {
  static const struct {
    uint8_t level;
    uint8_t name;
  } options[] = {
      [CAPUS_REUSE_ADDRESS] = {SOL_SOCKET, SO_REUSEADDR},
      [CAPUS_REUSE_PORT] = {SOL_SOCKET, SO_REUSEPORT},
      [CAPUS_BROADCAST] = {SOL_SOCKET, SO_BROADCAST},
      [CAPUS_KEEP_ALIVE] = {SOL_SOCKET, SO_KEEPALIVE},
      [CAPUS_PASS_CREDENTIALS] = {SOL_SOCKET, SO_PASSCRED},
      [CAPUS_NO_DELAY] = {IPPROTO_TCP, TCP_NODELAY},
      [CAPUS_FREE_BIND4] = {IPPROTO_IP, IP_FREEBIND},
      [CAPUS_FREE_BIND6] = {IPPROTO_IPV6, IPV6_FREEBIND},
      [CAPUS_TRANSPARENT4] = {IPPROTO_IP, IP_TRANSPARENT},
      [CAPUS_TRANSPARENT6] = {IPPROTO_IPV6, IPV6_TRANSPARENT},
      [CAPUS_IPV6_ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
  };
  int number = value;
  return (int32_t)raw5(SYS_setsockopt, fd, options[option].level, options[option].name, &number,
                       sizeof number);
}

/* An interface's name in an ifreq; false when it is too long. */
static int interface_name(struct ifreq *request, const uint8_t *name, size_t count) {
  memset(request, 0, sizeof *request);
  if (count >= sizeof request->ifr_name)
    return 0;
  memcpy(request->ifr_name, name, count);
  return 1;
}

int32_t capus_socket_device(int32_t fd, const uint8_t *name, size_t count) {
  struct ifreq request;
  if (!interface_name(&request, name, count))
    return -ENODEV;
  return (int32_t)raw5(SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, request.ifr_name,
                       sizeof request.ifr_name);
}

int32_t capus_interface_index(int32_t fd, const uint8_t *name, size_t count) {
  struct ifreq request;
  if (!interface_name(&request, name, count))
    return -ENODEV;
  long outcome = raw3(SYS_ioctl, fd, SIOCGIFINDEX, &request);
  return outcome < 0 ? (int32_t)outcome : request.ifr_ifindex;
}

int32_t capus_bind_inet4(int32_t fd, uint32_t address, uint16_t port) {
  struct sockaddr_in socket_address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(address)}};
  return (int32_t)raw3(SYS_bind, fd, &socket_address, sizeof socket_address);
}

int32_t capus_bind_inet6(int32_t fd, uint64_t high, uint64_t low, uint16_t port, uint32_t scope) {
  struct sockaddr_in6 socket_address = {
      .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
  for (int index = 0; index < 8; index++) {
    socket_address.sin6_addr.s6_addr[index] = (uint8_t)(high >> (56 - 8 * index));
    socket_address.sin6_addr.s6_addr[8 + index] = (uint8_t)(low >> (56 - 8 * index));
  }
  return (int32_t)raw3(SYS_bind, fd, &socket_address, sizeof socket_address);
}

int32_t capus_bind_abstract(int32_t fd, const uint8_t *name, size_t count) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count >= sizeof address.sun_path)
    return -ENAMETOOLONG;
  memcpy(address.sun_path + 1, name, count);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + count);
  return (int32_t)raw3(SYS_bind, fd, &address, length);
}

/* A path as an address. One that does not fit is named through the directory's descriptor. */
static int path_address(struct sockaddr_un *address, int32_t directory, const uint8_t *path,
                        size_t count, size_t name_start) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (count < sizeof address->sun_path) {
    memcpy(address->sun_path, path, count);
    return 0;
  }
  static const char prefix[] = "/proc/self/fd/";
  char digits[12];
  size_t first = sizeof digits, length = sizeof prefix - 1;
  for (uint32_t rest = (uint32_t)directory; rest > 0 || first == sizeof digits; rest /= 10)
    digits[--first] = (char)('0' + rest % 10);
  size_t name_count = count - name_start;
  if (length + (sizeof digits - first) + 1 + name_count >= sizeof address->sun_path)
    return -ENAMETOOLONG;
  memcpy(address->sun_path, prefix, length);
  memcpy(address->sun_path + length, digits + first, sizeof digits - first);
  length += sizeof digits - first;
  address->sun_path[length++] = '/';
  memcpy(address->sun_path + length, path + name_start, name_count);
  return 0;
}

int32_t capus_bind_path(int32_t fd, int32_t directory, const uint8_t *path, size_t count,
                        size_t name_start, uint32_t mode, int32_t group) {
  struct sockaddr_un address;
  int failure = path_address(&address, directory, path, count, name_start);
  if (failure < 0)
    return failure;
  /* The node is made with the mode and the file system group of this very moment, so nobody ever
     sees another. */
  long old_mask = raw1(SYS_umask, 0777 & ~mode);
  int old_group = group >= 0 ? setfsgid((gid_t)group) : -1;
  int32_t outcome = (int32_t)raw3(SYS_bind, fd, &address, sizeof address);
  if (old_group >= 0)
    setfsgid((gid_t)old_group);
  raw1(SYS_umask, old_mask);
  return outcome;
}

int32_t capus_connect_path(int32_t fd, int32_t directory, const uint8_t *path, size_t count,
                           size_t name_start) {
  struct sockaddr_un address;
  int failure = path_address(&address, directory, path, count, name_start);
  if (failure < 0)
    return failure;
  return (int32_t)raw3(SYS_connect, fd, &address, sizeof address);
}

int32_t capus_listen(int32_t fd, int32_t backlog) {
  return (int32_t)raw2(SYS_listen, fd, backlog);
}
