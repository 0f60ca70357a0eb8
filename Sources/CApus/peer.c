#include "loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "raw.h"

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
  if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &peer->cookie, &size) < 0)
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
    if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
      peer->uid = credentials.uid;
  }
}

int32_t capus_accept(int32_t fd, struct capus_peer *peer) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  int connection = (int)raw4(SYS_accept4, fd, &address, &size, SOCK_CLOEXEC);
  if (connection < 0)
    return connection;
  *peer = (struct capus_peer){0};
  describe(connection, &address, peer);
  return connection;
}

static char *write_number(char *text, unsigned value, unsigned base) {
  if (value >= base)
    text = write_number(text, value / base, base);
  *text = "0123456789abcdef"[value % base];
  return text + 1;
}

static unsigned group_of(const struct capus_peer *peer, int group) {
  return (unsigned)peer->address[2 * group] << 8 | peer->address[2 * group + 1];
}

const char *capus_peer_text(const struct capus_peer *peer) {
  static char text[48];
  char *end = text;
  if (peer->family == AF_INET) {
    for (int index = 0; index < 4; index++) {
      if (index > 0)
        *end++ = '.';
      end = write_number(end, peer->address[index], 10);
    }
  } else {
    /* Two colons stand for the longest run of zeros, the first of equally long ones. */
    int zeros = 8, length = 1;
    for (int group = 0, run = 0; group < 8; group++) {
      run = group_of(peer, group) == 0 ? run + 1 : 0;
      if (run > length) {
        length = run;
        zeros = group + 1 - run;
      }
    }
    for (int group = 0; group < 8; group++) {
      if (group == zeros) {
        *end++ = ':';
        *end++ = ':';
        group += length - 1;
        continue;
      }
      if (end > text && end[-1] != ':')
        *end++ = ':';
      end = write_number(end, group_of(peer, group), 16);
    }
  }
  *end = 0;
  return text;
}

void capus_describe_peer(int32_t connection, struct capus_peer *peer) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  if (getpeername(connection, (struct sockaddr *)&address, &size) == 0)
    describe(connection, &address, peer);
}
