/* What waits at a listener, and what may bring one back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "closer.h"
#include "listener.h"
#include "raw.h"

uint32_t capus_special_events(const char *path) {
  return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0 ? POLLPRI : POLLIN;
}

int32_t capus_drain(int32_t fd, int32_t most) {
  uint8_t bytes[4096];
  /* Nothing may wait here, whoever else takes from the queue. */
  long flags = raw3(NR_FCNTL, fd, F_GETFL, 0);
  raw3(NR_FCNTL, fd, F_SETFL, flags | O_NONBLOCK);
  long result = 0;
  int32_t dropped = 0;
  while (dropped < most) {
    result = raw4(SYS_accept4, fd, 0, 0, SOCK_CLOEXEC);
    if (result >= 0)
      capus_put_away((int32_t)result);
    else if (result == -EOPNOTSUPP || result == -EINVAL)
      result = capus_receive_only(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    else if (result == -ENOTSOCK)
      result = raw3(SYS_read, fd, bytes, sizeof bytes);
    if (result < 0)
      break;
    dropped++;
  }
  raw3(NR_FCNTL, fd, F_SETFL, flags);
  return dropped;
}

int32_t capus_is_hung_up(int32_t fd) {
  struct pollfd look = {.fd = fd};
  return poll(&look, 1, 0) > 0 && (look.revents & POLLHUP);
}

/* What sock_diag(7) says of a unix listener. */
static int64_t unix_queue_length(int32_t fd) {
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
               .udiag_show = UDIAG_SHOW_RQLEN,
               .udiag_cookie = {~0u, ~0u}},
  };
  struct {
    struct nlmsghdr head;
    struct unix_diag_msg body;
    struct nlattr attribute;
    struct unix_diag_rqlen length;
  } answer;
  int64_t result = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (result < 0)
    return result;
  request.body.udiag_ino = (uint32_t)status.inode;
  int diag =
      (int)raw3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
  result = diag;
  /* The kernel answers within the call. */
  if (diag >= 0) {
    result = raw6(SYS_sendto, diag, (long)&request, sizeof request, 0, 0, 0);
    if (result >= 0)
      result = raw3(SYS_read, diag, &answer, sizeof answer);
    if (result >= 0)
      result = result == sizeof answer && answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
                       answer.attribute.nla_type == UNIX_DIAG_RQLEN
                   ? (int64_t)answer.length.udiag_rqueue
                   : -ENOENT;
    raw1(SYS_close, diag);
  }
  return result;
}

int64_t capus_queue_length(int32_t fd) {
  struct tcp_info information;
  socklen_t size = sizeof information;
  memset(&information, 0, sizeof information);
  long result = raw5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &information, &size);
  return result < 0 ? unix_queue_length(fd) : information.tcpi_unacked;
}

int32_t capus_network_watch(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
  int fd =
      (int)raw3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0)
    return fd;
  int result = (int)raw3(SYS_bind, fd, &address, sizeof address);
  if (result == 0)
    return fd;
  raw1(SYS_close, fd);
  return result;
}
