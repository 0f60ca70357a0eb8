#include "idle.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "raw.h"

/* States of tcp(7) as the kernel numbers them; those of a connection that is not over, and those
 * in which the daemon has something to do even if it has not accepted it yet. */
enum {
  ESTABLISHED = 1 << 1,
  OPEN = ESTABLISHED | 1 << 8,
  CLOSING = 1 << 4 | 1 << 5 | 1 << 9 | 1 << 11,
  ROUNDS = 512,
  CPU_CLOCK_OF_PROCESS = 2,
};

struct address {
  union {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_un local;
    struct sockaddr_storage room;
  };
  socklen_t size;
};

/* The name of a unix socket, without the family before it. */
static size_t name_size(const struct address *own) {
  return own->size - offsetof(struct sockaddr_un, sun_path);
}

static int is_connection(const struct address *own, const struct nlmsghdr *message) {
  if (own->any.sa_family != AF_UNIX) {
    const struct inet_diag_msg *found = NLMSG_DATA(message);
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof *found))
      return 0;
    /* Closed by the daemon, it has no inode any more: the kernel sends what is left. */
    return (1 << (found->idiag_state & 15) & OPEN) != 0 || found->idiag_inode != 0;
  }
  const char *at = (const char *)NLMSG_DATA(message) + sizeof(struct unix_diag_msg);
  const char *end = (const char *)message + message->nlmsg_len;
  int has_name = 0;
  uint32_t waiting = 0, peer = 0;
  while (end - at >= (ptrdiff_t)sizeof(struct nlattr)) {
    const struct nlattr *attribute = (const struct nlattr *)(const void *)at;
    const size_t size = attribute->nla_len - sizeof *attribute;
    if (attribute->nla_len < sizeof *attribute || end - at < attribute->nla_len)
      break;
    if (attribute->nla_type == UNIX_DIAG_NAME)
      has_name = size == name_size(own) && memcmp(attribute + 1, own->local.sun_path, size) == 0;
    if (attribute->nla_type == UNIX_DIAG_PEER && size >= sizeof peer)
      memcpy(&peer, attribute + 1, sizeof peer);
    if (attribute->nla_type == UNIX_DIAG_RQLEN && size >= sizeof waiting)
      memcpy(&waiting, attribute + 1, sizeof waiting);
    at += NLA_ALIGN(attribute->nla_len);
  }
  /* Whoever is gone has no inode; what it has left behind is still to be read. */
  return has_name && (peer != 0 || waiting != 0);
}

/* Reads the answer of sock_diag(7) until a connection is found. */
static int read_answer(int fd, const struct address *own) {
  _Alignas(struct nlmsghdr) char answer[8192];
  for (int round = 0; round < ROUNDS; round++) {
    long count = raw6(SYS_recvfrom, fd, (long)answer, sizeof answer, MSG_DONTWAIT, 0, 0);
    if (count < 0)
      return (int)count;
    const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
    for (; NLMSG_OK(message, count); message = NLMSG_NEXT(message, count)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
        return message->nlmsg_len < NLMSG_LENGTH(sizeof(int)) ? CAPUS_BUSY
                                                              : *(const int *)NLMSG_DATA(message);
      if (is_connection(own, message))
        return CAPUS_BUSY;
    }
  }
  return CAPUS_BUSY;
}

static int ask_diag(const struct address *own) {
  struct {
    struct nlmsghdr head;
    union {
      struct inet_diag_req_v2 inet;
      struct unix_diag_req local;
    };
  } request = {
      .head = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
  if (own->any.sa_family == AF_UNIX) {
    request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.local);
    request.local.sdiag_family = AF_UNIX;
    request.local.udiag_states = ESTABLISHED;
    request.local.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN;
  } else {
    request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.inet);
    request.inet.sdiag_family = (uint8_t)own->any.sa_family;
    request.inet.sdiag_protocol = IPPROTO_TCP;
    request.inet.idiag_states = OPEN | CLOSING;
    /* At the same place in both families. */
    request.inet.id.idiag_sport = own->inet.sin_port;
  }
  int fd = (int)raw3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0)
    return fd;
  long result = raw6(SYS_sendto, fd, (long)&request, request.head.nlmsg_len, MSG_DONTWAIT, 0, 0);
  if (result > 0)
    result = read_answer(fd, own);
  raw1(SYS_close, fd);
  return (int)result;
}

static unsigned hexadecimal(const char *text, int count) {
  unsigned value = 0;
  for (; count > 0; count--, text++)
    value = value << 4 | (unsigned)(*text <= '9' ? *text - '0' : *text - 'A' + 10);
  return value;
}

/* "  0: 0100007F:1F90 00000000:0000 0A …": true for a connection of that port. */
static int is_internet_line(const struct address *own, const char *line) {
  const char *local = strchr(line, ':');
  local = local ? strchr(local + 1, ':') : NULL;
  const char *remote = local ? strchr(local + 1, ':') : NULL;
  return remote && strlen(remote) > 7 && hexadecimal(local + 1, 4) == ntohs(own->inet.sin_port) &&
         (1 << (hexadecimal(remote + 6, 2) & 15) & (OPEN | CLOSING)) != 0;
}

/* "0000000000000000: 00000002 00000000 00010000 0001 03 12345 /path": true for a connection of
 * that name, which stands in `own` as it stands there. */
static int is_unix_line(const struct address *own, const char *line) {
  enum { STATE = 34 };
  const char *start = strchr(line, ':');
  if (!start || strlen(start) < STATE + 4 || start[STATE] != '0' || start[STATE + 1] != '3')
    return 0;
  start += STATE + 3;
  while (*start == ' ')
    start++;
  start = strchr(start, ' ');
  return start && strcmp(start + 1, own->local.sun_path) == 0;
}

static int read_table(struct address *own) {
  char text[4096];
  size_t kept = 0;
  int result = CAPUS_QUIET, is_unix = own->any.sa_family == AF_UNIX;
  int fd = raw_open(is_unix                         ? "/proc/net/unix"
                    : own->any.sa_family == AF_INET ? "/proc/net/tcp"
                                                    : "/proc/net/tcp6",
                    O_RDONLY);
  if (fd < 0)
    return fd;
  /* An abstract name is shown with an @ for each of its zeros; a path ends with one. */
  ((char *)&own->room)[own->size] = 0;
  if (is_unix && own->local.sun_path[0] == 0)
    for (size_t index = 0; index < name_size(own); index++)
      if (own->local.sun_path[index] == 0)
        own->local.sun_path[index] = '@';
  for (int round = 0; result == CAPUS_QUIET; round++) {
    long count = raw3(SYS_read, fd, text + kept, sizeof text - kept);
    if (count <= 0) {
      result = (int)count;
      break;
    }
    if (round == ROUNDS)
      result = CAPUS_BUSY;
    char *line = text, *end = text + kept + count, *stop;
    while ((stop = memchr(line, '\n', (size_t)(end - line))) != NULL) {
      *stop = 0;
      if (is_unix ? is_unix_line(own, line) : is_internet_line(own, line))
        result = CAPUS_BUSY;
      line = stop + 1;
    }
    /* No line is that long. */
    kept = line == text ? 0 : (size_t)(end - line);
    memmove(text, line, kept);
  }
  raw1(SYS_close, fd);
  return result;
}

int32_t capus_traffic(int32_t listener, int32_t asks) {
  struct pollfd queue = {.fd = listener, .events = POLLIN};
  struct address own = {.size = sizeof own.room - 1};
  int listens = 0;
  socklen_t size = sizeof listens;
  if (poll(&queue, 1, 0) != 0)
    return CAPUS_BUSY;
  if (raw5(SYS_getsockopt, listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
    return CAPUS_UNCONNECTED;
  int result = (int)raw3(SYS_getsockname, listener, &own, &own.size);
  if (result < 0)
    return result;
  int family = own.any.sa_family;
  if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
    return -EAFNOSUPPORT;
  result = asks ? ask_diag(&own) : -ENOTSUP;
  return result < 0 ? read_table(&own) : result;
}

int32_t capus_is_stopped(int32_t pid) {
  siginfo_t information = {0};
  return raw5(SYS_waitid, P_PID, pid, &information, WSTOPPED | WNOHANG | WNOWAIT, 0) == 0 &&
         information.si_pid == pid;
}

/* Of this one filter only: a service may have put one of its own there. */
static const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

int32_t capus_hold_off(int32_t listener) {
  struct sock_fprog program = {.len = 1, .filter = (struct sock_filter *)&nothing};
  int domain = 0, type = 0, filters = 0;
  socklen_t size = sizeof domain;
  if (raw5(SYS_getsockopt, listener, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
      raw5(SYS_getsockopt, listener, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
      (domain != AF_INET && domain != AF_INET6) || type != SOCK_STREAM)
    return 0;
  size = 0;
  filters = (int)raw5(SYS_getsockopt, listener, SOL_SOCKET, SO_GET_FILTER, NULL, &size);
  return filters >= 0 && size == 0 &&
         raw5(SYS_setsockopt, listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ==
             0;
}

void capus_let_in(int32_t listener) {
  struct sock_filter filter = {0};
  socklen_t count = 1;
  if (raw5(SYS_getsockopt, listener, SOL_SOCKET, SO_GET_FILTER, &filter, &count) == 0 &&
      count == 1 && memcmp(&filter, &nothing, sizeof filter) == 0)
    raw5(SYS_setsockopt, listener, SOL_SOCKET, SO_DETACH_FILTER, &count, sizeof count);
}

int32_t capus_threads_that_die_of(int32_t pid, int32_t number) {
  static const char *const masks[] = {"\nSigBlk:\t", "\nSigIgn:\t", "\nSigCgt:\t"};
  char path[32], text[4096];
  raw_text(raw_decimal(raw_text(path, "/proc/"), (uint32_t)pid), "/status");
  int fd = raw_open(path, O_RDONLY);
  long count = fd < 0 ? fd : raw3(SYS_read, fd, text, sizeof text - 1);
  if (fd >= 0)
    raw1(SYS_close, fd);
  if (count <= 0 || number < 1 || number > 64)
    return 0;
  text[count] = 0;
  const char *threads = raw_find(text, "\nThreads:\t");
  if (!threads)
    return 0;
  for (size_t index = 0; index < sizeof masks / sizeof *masks; index++) {
    const char *at = raw_find(text, masks[index]);
    uint64_t mask = 0;
    if (!at)
      return 0;
    for (at += strlen(masks[index]); *at > ' '; at++)
      mask = mask << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    if (mask >> (number - 1) & 1)
      return 0;
  }
  threads += strlen("\nThreads:\t");
  return (int32_t)raw_number(&threads);
}

int64_t capus_processor_time(int32_t pid) {
  int64_t time[2];
  long result = raw2(NR_CLOCK_GETTIME, (long)(~(unsigned)pid << 3 | CPU_CLOCK_OF_PROCESS), time);
  return result < 0 ? result : time[0] * 1000000000 + time[1];
}
