/* What a child of apus looks at by itself, so that nothing that hangs can hold up its parent. */
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "raw.h"
#include "steps.h"

CHILD void write_path(char *to, unsigned long fd) {
  static const char start[] = "/proc/self/fd/";
  unsigned long divisor = 1;
  for (unsigned at = 0; start[at] != 0; at++)
    *to++ = start[at];
  while (fd / divisor >= 10)
    divisor *= 10;
  for (; divisor > 0; divisor /= 10)
    *to++ = (char)('0' + fd / divisor % 10);
  *to = 0;
}

CHILD_CODE long capus_read_pid(struct capus_plan *plan, const struct capus_step *step) {
  char text[16], path[32];
  struct raw_status status = {0};
  /* Looked at before it is opened: opening a device is a deed. */
  const long place = raw4(SYS_openat, AT_FDCWD, step->text, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (place < 0 || raw_stat((int)place, "", AT_EMPTY_PATH, &status) < 0 || !S_ISREG(status.mode))
    return 1;
  write_path(path, (unsigned long)place);
  const long fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  const long count = raw3(SYS_read, fd, text, sizeof text);
  int32_t pid = 0;
  long at = 0;
  while (at < count && text[at] == ' ')
    at++;
  for (; at < count && at < 12 && text[at] >= '0' && text[at] <= '9' && pid < 100000000; at++)
    pid = 10 * pid + text[at] - '0';
  /* One that is only half written is of no process of the service. */
  if (at == (long)sizeof text || (at < count && text[at] > ' '))
    pid = 0;
  plan->found = pid;
  return pid <= 0;
}

CHILD_CODE long capus_connect(const struct capus_step *step) {
  enum { SEND_TIMEOUT = 21, WRONG_TYPE = -91 };
  static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
  union {
    struct sockaddr_un path;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
  } address = {.path = {.sun_family = (sa_family_t)families[step->first]}};
  size_t size = sizeof address.four;
  const uint64_t *halves = (const uint64_t *)(const void *)step->base;
  const uint16_t port = (uint16_t)(step->small << 8 | step->small >> 8);
  const long fd = raw3(SYS_socket, families[step->first], SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (step->first == 0) {
    size_t count = 0;
    while (step->text[count] != 0 && count + 1 < sizeof address.path.sun_path) {
      address.path.sun_path[count] = step->text[count];
      count++;
    }
    if (address.path.sun_path[0] == '@')
      address.path.sun_path[0] = 0;
    else
      count++;
    size = offsetof(struct sockaddr_un, sun_path) + count;
  } else if (step->first == 1) {
    address.four.sin_port = port;
    address.four.sin_addr.s_addr = __builtin_bswap32((uint32_t)halves[1]);
  } else {
    struct ifreq device = {0};
    size = sizeof address.six;
    address.six.sin6_port = port;
    for (int byte = 0; byte < 16; byte++)
      address.six.sin6_addr.s6_addr[byte] = (uint8_t)(halves[byte / 8] >> (56 - byte % 8 * 8));
    for (int at = 0; step->text[at] != 0 && at + 1 < IFNAMSIZ; at++)
      device.ifr_name[at] = step->text[at];
    if (device.ifr_name[0] != 0 && raw3(SYS_ioctl, fd, SIOCGIFINDEX, &device) == 0)
      address.six.sin6_scope_id = (uint32_t)device.ifr_ifindex;
  }
  /* connect(2) waits no longer than that; in the kernel's own words, not the C library's. */
  const long timeout[2] = {1, 0};
  raw5(SYS_setsockopt, fd, SOL_SOCKET, SEND_TIMEOUT, timeout, sizeof timeout);
  const long result = raw3(SYS_connect, fd, &address, size);
  /* A socket of another type is there. */
  return result < 0 && result != WRONG_TYPE;
}
