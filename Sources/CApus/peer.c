#include "loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void copy(uint8_t *to, const void *from, unsigned count) {
  for (unsigned index = 0; index < count; index++)
    to[index] = ((const uint8_t *)from)[index];
}

static int is_mapped(const struct in6_addr *address) {
  for (int index = 0; index < 10; index++)
    if (address->s6_addr[index] != 0)
      return 0;
  return address->s6_addr[10] == 255 && address->s6_addr[11] == 255;
}

static void describe(int fd, const struct sockaddr_storage *address, struct capus_peer *peer) {
  socklen_t size = sizeof peer->cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &peer->cookie, &size) < 0)
    peer->cookie = 0;
  peer->family = address->ss_family;
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *inet = (const struct sockaddr_in *)address;
    peer->port = ntohs(inet->sin_port);
    copy(peer->address, &inet->sin_addr, 4);
  } else if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6 *inet = (const struct sockaddr_in6 *)address;
    peer->port = ntohs(inet->sin6_port);
    if (is_mapped(&inet->sin6_addr)) {
      peer->family = AF_INET;
      copy(peer->address, inet->sin6_addr.s6_addr + 12, 4);
    } else {
      copy(peer->address, &inet->sin6_addr, 16);
    }
  } else if (address->ss_family == AF_UNIX) {
    struct ucred credentials = {0, 0, 0};
    size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
      peer->uid = credentials.uid;
  }
}

int32_t capus_accept(int32_t fd, struct capus_peer *peer) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  int connection = accept4(fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC);
  if (connection < 0)
    return -errno;
  *peer = (struct capus_peer){0};
  describe(connection, &address, peer);
  return connection;
}

void capus_describe_peer(int32_t connection, struct capus_peer *peer) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  if (getpeername(connection, (struct sockaddr *)&address, &size) == 0)
    describe(connection, &address, peer);
}
