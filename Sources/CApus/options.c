/* Options of listeners as a table (socket(7), ip(7), ipv6(7), tcp(7), unix(7), netlink(7)). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "listener.h"
#include "raw.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#define IPV6_FREEBIND_OPTION 78
#define NETLINK_PACKET_INFO 3
#define SCTP_LEVEL 132
#define SCTP_NO_DELAY 3

/* Which sockets an option is for; others do not have it. */
enum { UNIX = 1, V4 = 2, V6 = 4, NETLINK = 8, VSOCK = 16, TCP = 32, SCTP = 64, INET = V4 | V6 };
enum { ANY = UNIX | INET | NETLINK | VSOCK, ALWAYS = 63 };
/* The level of netlink does not fit into a byte. */
enum { OF_NETLINK = 255, SOL_OF_NETLINK = 270 };

static const struct {
  uint8_t key, sockets, level, name;
} options[] = {
    /* A port in TIME_WAIT from the last run is free for a listener. */
    {ALWAYS, TCP | SCTP, SOL_SOCKET, SO_REUSEADDR},
    {CAPUS_KEY_IPV6_ONLY, V6, IPPROTO_IPV6, IPV6_V6ONLY},
    {CAPUS_KEY_DEVICE, INET, SOL_SOCKET, SO_BINDTODEVICE},
    {CAPUS_KEY_FREE_BIND, V6, IPPROTO_IPV6, IPV6_FREEBIND_OPTION},
    {CAPUS_KEY_FREE_BIND, INET, IPPROTO_IP, IP_FREEBIND},
    {CAPUS_KEY_TRANSPARENT, V6, IPPROTO_IPV6, IPV6_TRANSPARENT},
    {CAPUS_KEY_TRANSPARENT, V4, IPPROTO_IP, IP_TRANSPARENT},
    {CAPUS_KEY_REUSE_PORT, INET, SOL_SOCKET, SO_REUSEPORT},
    {CAPUS_KEY_NO_DELAY, TCP, IPPROTO_TCP, TCP_NODELAY},
    {CAPUS_KEY_NO_DELAY, SCTP, SCTP_LEVEL, SCTP_NO_DELAY},
    {CAPUS_KEY_KEEP_ALIVE, INET, SOL_SOCKET, SO_KEEPALIVE},
    {CAPUS_KEY_KEEP_ALIVE_TIME, TCP, IPPROTO_TCP, TCP_KEEPIDLE},
    {CAPUS_KEY_KEEP_ALIVE_INTERVAL, TCP, IPPROTO_TCP, TCP_KEEPINTVL},
    {CAPUS_KEY_KEEP_ALIVE_PROBES, TCP, IPPROTO_TCP, TCP_KEEPCNT},
    {CAPUS_KEY_DEFER_ACCEPT, TCP, IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {CAPUS_KEY_FAST_OPEN, TCP, IPPROTO_TCP, TCP_FASTOPEN},
    {CAPUS_KEY_CONGESTION, TCP, IPPROTO_TCP, TCP_CONGESTION},
    {CAPUS_KEY_SEND_BUFFER, ANY, SOL_SOCKET, SO_SNDBUFFORCE},
    {CAPUS_KEY_RECEIVE_BUFFER, ANY, SOL_SOCKET, SO_RCVBUFFORCE},
    {CAPUS_KEY_MARK, ANY, SOL_SOCKET, SO_MARK},
    {CAPUS_KEY_TOS, V6, IPPROTO_IPV6, IPV6_TCLASS},
    {CAPUS_KEY_TOS, INET, IPPROTO_IP, IP_TOS},
    {CAPUS_KEY_TTL, V6, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {CAPUS_KEY_TTL, INET, IPPROTO_IP, IP_TTL},
    /* After IP_TOS, which changes it. */
    {CAPUS_KEY_PRIORITY, ANY, SOL_SOCKET, SO_PRIORITY},
    {CAPUS_KEY_BROADCAST, INET, SOL_SOCKET, SO_BROADCAST},
    {CAPUS_KEY_PASS_CREDENTIALS, UNIX | NETLINK, SOL_SOCKET, SO_PASSCRED},
    {CAPUS_KEY_PASS_PIDFD, UNIX, SOL_SOCKET, SO_PASSPIDFD},
    {CAPUS_KEY_PACKET_INFO, V6, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {CAPUS_KEY_PACKET_INFO, INET, IPPROTO_IP, IP_PKTINFO},
    {CAPUS_KEY_PACKET_INFO, NETLINK, OF_NETLINK, NETLINK_PACKET_INFO},
    {CAPUS_KEY_TIMESTAMPS, ANY, SOL_SOCKET, SO_TIMESTAMP},
    {CAPUS_KEY_NANOSECONDS, ANY, SOL_SOCKET, SO_TIMESTAMPNS},
};

/* The last value of a key. */
static const int64_t *find(const struct capus_listener *listener, unsigned key) {
  const int64_t *found = NULL;
  for (size_t index = 0; index < listener->value_count; index++)
    if (listener->values[index] >> 32 == key)
      found = &listener->values[index];
  return found;
}

uint32_t capus_listener_value(const struct capus_listener *listener, unsigned key) {
  const int64_t *value = find(listener, key);
  return value ? (uint32_t)*value : 0;
}

static unsigned sockets_of(const struct capus_listener *listener, unsigned domain) {
  switch (domain) {
  case AF_UNIX:
    return UNIX;
  case AF_NETLINK:
    return NETLINK;
  case AF_VSOCK:
    return VSOCK;
  }
  unsigned sockets = domain == AF_INET6 ? V6 : V4;
  if (listener->kind == 0)
    sockets |= capus_listener_value(listener, CAPUS_KEY_PROTOCOL) == 2 ? SCTP : TCP;
  return sockets;
}

int32_t capus_set_options(const struct capus_listener *listener, int32_t fd, unsigned domain) {
  unsigned sockets = sockets_of(listener, domain);
  uint64_t given = listener->flags | UINT64_C(1) << ALWAYS;
  /* Dual-stack whatever net.ipv6.bindv6only says, unless told otherwise. */
  if (listener->form == CAPUS_EVERY || listener->present >> CAPUS_KEY_IPV6_ONLY & 1)
    given |= 1 << CAPUS_KEY_IPV6_ONLY;
  for (size_t index = 0; index < sizeof options / sizeof *options; index++) {
    unsigned key = options[index].key, level = options[index].level, name = options[index].name;
    const int64_t *found = find(listener, key);
    if (!(options[index].sockets & sockets) || (!found && !(given >> key & 1)))
      continue;
    uint32_t number = found                        ? (uint32_t)*found
                      : key == CAPUS_KEY_IPV6_ONLY ? listener->flags >> key & 1
                                                   : 1;
    const void *value = &number;
    size_t size = sizeof number;
    if (key == CAPUS_KEY_DEVICE || key == CAPUS_KEY_CONGESTION) {
      value = listener->pool + number;
      size = strlen(value);
    }
    long result =
        raw5(SYS_setsockopt, fd, level == OF_NETLINK ? SOL_OF_NETLINK : level, name, value, size);
    /* The privileged form of a buffer's size goes beyond the board's limit. */
    if (result == -EPERM && (name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE))
      result = raw5(SYS_setsockopt, fd, level, name == SO_SNDBUFFORCE ? SO_SNDBUF : SO_RCVBUF,
                    value, size);
    /* The IPv4 half of a socket for both matters only where there is one; freeBind is on unasked,
       and bind(2) says whether the address is there. */
    if (result < 0 && key != CAPUS_KEY_FREE_BIND && !(level == IPPROTO_IP && domain == AF_INET6))
      return (int32_t)result;
  }
  return 0;
}
