/* What waits first in a listener's queue. */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "listener.h"
#include "raw.h"

/* States of tcp(7) in which a connection may wait: established, and closed by its client. */
enum { WAITING = 1 << 1 | 1 << 8, ROUNDS = 64, PEEKED = 64 };

/* Tells one thing from another; never 0. */
static uint64_t digest(uint64_t state, const void *bytes, size_t size) {
  const uint8_t *byte = bytes;
  state ^= 0xcbf29ce484222325u;
  for (size_t index = 0; index < size; index++)
    state = (state ^ byte[index]) * 0x100000001b3u;
  return state == 0 ? 1 : state;
}

/* The peers' inodes stand in the order of the queue. */
static int read_unix(const struct nlmsghdr *message, long room, struct capus_queue *queue) {
  const struct unix_diag_msg *body = NLMSG_DATA(message);
  long rest = (long)message->nlmsg_len - (long)NLMSG_LENGTH(sizeof *body);
  if (rest > room - (long)NLMSG_LENGTH(sizeof *body))
    rest = room - (long)NLMSG_LENGTH(sizeof *body);
  const struct nlattr *attribute = (const struct nlattr *)(body + 1);
  if (rest < (long)(sizeof *attribute + sizeof(uint32_t)) ||
      attribute->nla_type != UNIX_DIAG_ICONS || attribute->nla_len < sizeof *attribute)
    return 0;
  queue->count = (uint32_t)(attribute->nla_len - sizeof *attribute) / sizeof(uint32_t);
  memcpy(&queue->first, attribute + 1, queue->count > 0 ? sizeof(uint32_t) : 0);
  return 1;
}

static int ask(const void *request, uint32_t size) {
  int fd =
      (int)raw3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
  if (fd < 0)
    return fd;
  long result = raw6(SYS_sendto, fd, (long)request, size, 0, 0, 0);
  if (result >= 0)
    return fd;
  raw1(SYS_close, fd);
  return (int)result;
}

static int look_unix(int fd, struct capus_queue *queue) {
  _Alignas(struct nlmsghdr) char answer[1024];
  struct raw_status status;
  struct {
    struct nlmsghdr head;
    struct unix_diag_req body;
  } request = {
      .head = {.nlmsg_len = sizeof request,
               .nlmsg_type = SOCK_DIAG_BY_FAMILY,
               .nlmsg_flags = NLM_F_REQUEST},
      .body = {.sdiag_family = AF_UNIX,
               .udiag_states = ~0u,
               .udiag_show = UDIAG_SHOW_ICONS,
               .udiag_cookie = {~0u, ~0u}},
  };
  if (raw_stat(fd, "", AT_EMPTY_PATH, &status) < 0)
    return 0;
  request.body.udiag_ino = (uint32_t)status.inode;
  int diag = ask(&request, sizeof request), found = 0;
  if (diag < 0)
    return 0;
  /* A long queue does not fit; the beginning of it is enough. */
  long size = raw6(SYS_recvfrom, diag, (long)answer, sizeof answer, MSG_DONTWAIT, 0, 0);
  const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
  if (size >= (long)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) &&
      message->nlmsg_type == SOCK_DIAG_BY_FAMILY)
    found = read_unix(message, size, queue);
  raw1(SYS_close, diag);
  return found;
}

/* The last cookie that this processor has given out; 0 before Linux 4.12. */
static uint64_t last_cookie(void) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  int fd = (int)raw3(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return 0;
  if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
    cookie = 0;
  raw1(SYS_close, fd);
  return cookie;
}

/* True for a cookie that this processor has given out after that one: it takes them in lots of
 * 4,096 (gen_cookie_next() in Linux; before 5.9 all processors count together). */
static int is_later(uint64_t cookie, uint64_t start) {
  return start != 0 && cookie > start && (cookie - 1) >> 12 == (start - 1) >> 12;
}

/* Connections that nobody has accepted have no inode, and come in no order. The kernel gives each
 * its cookie (SO_COOKIE in socket(7)) when it is first asked of it, so what has come since the last
 * look has one that is given out within this one. A change of the processor meanwhile, or of the
 * lot, makes one that has gone look as if it waited. */
static void look_tcp(const struct sockaddr_in *own, const struct capus_queue *before,
                     struct capus_queue *queue) {
  _Alignas(struct nlmsghdr) char answer[8192];
  struct {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
  } request = {
      .head = {.nlmsg_len = sizeof request,
               .nlmsg_type = SOCK_DIAG_BY_FAMILY,
               .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .body = {.sdiag_family = (uint8_t)own->sin_family,
               .sdiag_protocol = IPPROTO_TCP,
               .idiag_states = WAITING,
               .id = {.idiag_sport = own->sin_port}},
  };
  const uint64_t start = last_cookie();
  uint32_t count = 0, fresh = 0;
  int diag = ask(&request, sizeof request), is_over = 0, is_there = 0, is_whole = 0;
  for (int round = 0; diag >= 0 && round < ROUNDS && !is_over; round++) {
    long size = raw6(SYS_recvfrom, diag, (long)answer, sizeof answer, MSG_DONTWAIT, 0, 0);
    const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
    is_over = size <= 0;
    for (; !is_over && NLMSG_OK(message, size); message = NLMSG_NEXT(message, size)) {
      const struct inet_diag_msg *body = NLMSG_DATA(message);
      is_whole = message->nlmsg_type == NLMSG_DONE;
      is_over = message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
                message->nlmsg_len < NLMSG_LENGTH(sizeof *body);
      if (is_over || body->idiag_inode != 0)
        continue;
      uint64_t peer = digest(body->id.idiag_dport, body->id.idiag_dst, sizeof body->id.idiag_dst);
      uint64_t cookie = body->id.idiag_cookie[0] | (uint64_t)body->id.idiag_cookie[1] << 32;
      if (queue->first == 0)
        queue->first = peer;
      count++;
      fresh += (uint32_t)is_later(cookie, start);
      is_there |= peer == before->first;
    }
  }
  if (is_whole) {
    queue->count = count;
    queue->is_gone = before->first != 0 && (!is_there || count - fresh < before->count);
  }
  if (diag >= 0)
    raw1(SYS_close, diag);
}

/* Datagrams are told apart by their sender and first bytes. */
static void look_datagram(int fd, struct capus_queue *queue) {
  uint8_t bytes[PEEKED];
  struct sockaddr_storage from;
  socklen_t from_size = sizeof from;
  int waiting = 0;
  memset(&from, 0, sizeof from);
  raw3(SYS_ioctl, fd, FIONREAD, &waiting);
  queue->count = waiting > 0 ? (uint32_t)waiting : 0;
  long size = raw6(SYS_recvfrom, fd, (long)bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT,
                   (long)&from, (long)&from_size);
  if (size >= 0)
    queue->first = digest(digest((uint64_t)size, bytes, (size_t)size), &from,
                          from_size < sizeof from ? from_size : sizeof from);
}

void capus_queue_look(int32_t fd, const struct capus_queue *before, struct capus_queue *queue) {
  static const struct capus_queue none;
  struct sockaddr_storage own;
  struct tcp_info information;
  socklen_t size = sizeof information;
  if (!before)
    before = &none;
  memset(queue, 0, sizeof *queue);
  memset(&information, 0, sizeof information);
  if (raw5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &information, &size) >= 0) {
    queue->count = information.tcpi_unacked;
    size = sizeof own;
    memset(&own, 0, sizeof own);
    if (raw3(SYS_getsockname, fd, &own, &size) >= 0)
      look_tcp((const struct sockaddr_in *)&own, before, queue);
    return;
  }
  int listens = 0;
  size = sizeof listens;
  if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) >= 0 && listens)
    look_unix(fd, queue);
  else
    look_datagram(fd, queue);
  queue->is_gone = before->first != 0 && queue->first != before->first;
}
