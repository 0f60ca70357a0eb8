#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

#define CHECKED(call) ((call) < 0 ? -errno : 0)

enum { EVENTS_AT_ONCE = 64, WAIT_ON_PIDFD = 3 };

int32_t capus_epoll_create(void) {
  return (int32_t)raw1(SYS_epoll_create1, EPOLL_CLOEXEC);
}

static int32_t control(int32_t epoll, int operation, int32_t fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return (int32_t)raw4(SYS_epoll_ctl, epoll, operation, fd, &event);
}

int32_t capus_epoll_add(int32_t epoll, int32_t fd, uint32_t events, uint64_t data) {
  return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

int32_t capus_epoll_change(int32_t epoll, int32_t fd, uint32_t events, uint64_t data) {
  return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

int32_t capus_epoll_remove(int32_t epoll, int32_t fd) {
  return control(epoll, EPOLL_CTL_DEL, fd, 0, 0);
}

int32_t capus_epoll_wait(int32_t epoll, struct capus_readiness *ready, int32_t count,
                         int32_t timeout_ms) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int found = (int)raw5(SYS_epoll_pwait, epoll, events,
                        count < EVENTS_AT_ONCE ? count : EVENTS_AT_ONCE, timeout_ms, 0);
  for (int index = 0; index < found; index++) {
    ready[index].data = events[index].data.u64;
    ready[index].events = events[index].events;
  }
  return found;
}

static int64_t microseconds(clockid_t clock) {
  int64_t time[2] = {0, 0};
  raw2(NR_CLOCK_GETTIME, clock, time);
  return time[0] * 1000000 + time[1] / 1000;
}

int64_t capus_now(void) {
  return microseconds(CLOCK_BOOTTIME);
}

int64_t capus_wall_time(void) {
  return microseconds(CLOCK_REALTIME);
}

static int32_t timer_on(clockid_t clock, int32_t epoll, uint64_t data) {
  int32_t fd = (int32_t)raw2(SYS_timerfd_create, clock, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0)
    return fd;
  int32_t result = control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, data);
  if (result < 0) {
    raw1(SYS_close, fd);
    return result;
  }
  return fd;
}

int32_t capus_timer_create(int32_t epoll, uint64_t data) {
  return timer_on(CLOCK_BOOTTIME, epoll, data);
}

static int32_t set_timer(int32_t timer, int flags, int64_t at_us) {
  struct itimerspec time = {
      .it_value = {.tv_sec = (time_t)(at_us / 1000000), .tv_nsec = (long)(at_us % 1000000 * 1000)}};
  return CHECKED(timerfd_settime(timer, flags, &time, NULL));
}

int32_t capus_timer_set(int32_t timer, int64_t at_us) {
  return set_timer(timer, TFD_TIMER_ABSTIME, at_us);
}

int32_t capus_clock_watch(int32_t epoll, uint64_t data) {
  int32_t fd = timer_on(CLOCK_REALTIME, epoll, data);
  /* In the year 4000 or so. */
  if (fd >= 0)
    set_timer(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, (int64_t)1 << 56);
  return fd;
}

int64_t capus_clock_offset(int32_t timer) {
  uint64_t count;
  raw3(SYS_read, timer, &count, sizeof count);
  return capus_wall_time() - capus_now();
}

/* Any other answer than that there is no such descriptor is a filter's. */
static int32_t refusal_of_peers(void) {
  const long result = raw5(SYS_getsockopt, -1, SOL_SOCKET, SO_PEERCRED, NULL, NULL);
  return result == -EBADF ? 0 : (int32_t)result;
}

int32_t capus_take_signals(void) {
  int result = refusal_of_peers();
  if (result == 0)
    result = raw_set_mask(MASKABLE_SIGNALS);
  if (result < 0)
    return result;
  struct raw_action standard = {.handler = SIG_DFL};
  for (int number = 1; number <= 64; number++) {
    struct raw_action action;
    if (raw_action(number, NULL, &action) == 0 && action.handler == SIG_IGN)
      raw_action(number, &standard, NULL);
  }
  return 0;
}

int32_t capus_refused_call(void) {
  if (refusal_of_peers() < 0)
    return CAPUS_GETSOCKOPT;
  if (raw_set_mask(MASKABLE_SIGNALS) < 0)
    return CAPUS_SIGPROCMASK;
  return capus_signal_fd() < 0 ? CAPUS_SIGNALFD : CAPUS_EPOLL_CREATE;
}

int32_t capus_signal_fd(void) {
  uint64_t mask = MASKABLE_SIGNALS;
  return (int32_t)raw4(SYS_signalfd4, -1, &mask, sizeof mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

int32_t capus_read_signal(int32_t fd, uint32_t *number, int32_t *sender) {
  struct signalfd_siginfo information;
  long count = raw3(SYS_read, fd, &information, sizeof information);
  if (count < 0)
    return count == -EAGAIN ? 0 : (int32_t)count;
  if (count < (ssize_t)sizeof information)
    return 0;
  *number = information.ssi_signo;
  *sender = (int32_t)information.ssi_pid;
  return 1;
}

int32_t capus_look(int32_t pidfd, struct capus_end *end) {
  siginfo_t information = {0};
  long result = raw5(SYS_waitid, pidfd < 0 ? P_ALL : (idtype_t)WAIT_ON_PIDFD, pidfd < 0 ? 0 : pidfd,
                     &information, WEXITED | WNOHANG | WNOWAIT, 0);
  if (result < 0)
    return (int32_t)result;
  if (information.si_pid == 0)
    return 0;
  end->pid = information.si_pid;
  end->is_signal = information.si_code != CLD_EXITED;
  end->dumped_core = information.si_code == CLD_DUMPED;
  end->number = (uint8_t)information.si_status;
  return 1;
}

int32_t capus_reap(int32_t pid) {
  siginfo_t information = {0};
  long result = raw5(SYS_waitid, P_PID, pid, &information, WEXITED | WNOHANG, 0);
  return result < 0 ? (int32_t)result : information.si_pid != 0;
}

int32_t capus_signal_pidfd(int32_t pidfd, int32_t number) {
  return (int32_t)raw4(NR_PIDFD_SEND_SIGNAL, pidfd, number, 0, 0);
}

int32_t capus_kill(int32_t pid, int32_t number) {
  return (int32_t)raw2(SYS_kill, pid, number);
}

int32_t capus_pid(void) {
  return getpid();
}

int32_t capus_become_subreaper(void) {
  return (int32_t)raw5(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int32_t capus_pipe(int32_t *read_end, int32_t *write_end) {
  int ends[2];
  long result = raw2(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK);
  if (result == 0) {
    *read_end = ends[0];
    *write_end = ends[1];
  }
  return (int32_t)result;
}

int32_t capus_close(int32_t fd) {
  return (int32_t)raw1(SYS_close, fd);
}

int32_t capus_open(const char *path, int32_t writable) {
  return raw_open(path, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOCTTY);
}

int32_t capus_open_terminal(const char *path) {
  return raw_open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
}

int32_t capus_read_line(int32_t fd) {
  char text[64];
  long count;
  while ((count = raw3(SYS_read, fd, text, sizeof text)) > 0)
    for (long at = 0; at < count; at++)
      if (text[at] == '\n')
        return 1;
  return count == -EAGAIN ? 0 : -1;
}

int64_t capus_read(int32_t fd, void *bytes, size_t count) {
  return raw3(SYS_read, fd, bytes, count);
}

int64_t capus_write(int32_t fd, const void *bytes, size_t count) {
  return raw3(SYS_write, fd, bytes, count);
}

/* Standard error is shared with whoever started apus, so it is not made non-blocking: it is opened
 * once more. `part` is how much a write takes where that is not possible, of what waits. */
static struct {
  int32_t fd;
  uint32_t part;
  bool is_socket;
} errors = {.fd = -1};

static void open_errors(void) {
  struct raw_status status;
  errors.fd = 2;
  if (raw_stat(2, "", AT_EMPTY_PATH, &status) < 0 || S_ISREG(status.mode))
    return;
  errors.is_socket = S_ISSOCK(status.mode);
  if (errors.is_socket)
    return;
  int fd = raw_open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY);
  if (fd > 2)
    errors.fd = fd;
  else
    /* A pipe with room takes a page; of a terminal's room one byte is all that is known. */
    errors.part = S_ISFIFO(status.mode) ? 4096 : 1;
}

int32_t capus_errors(void) {
  return errors.fd < 0 ? 2 : errors.fd;
}

int64_t capus_write_now(int32_t fd, const void *bytes, size_t count) {
  size_t done = 0;
  if (fd == 2 && errors.fd < 0)
    open_errors();
  if (fd == 2 && errors.is_socket)
    return raw6(SYS_sendto, 2, (long)bytes, (long)count, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
  const size_t part = fd == 2 && errors.part > 0 ? errors.part : count;
  if (fd == 2)
    fd = errors.fd;
  while (done < count) {
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0 || !(room.revents & POLLOUT))
      break;
    const size_t rest = count - done;
    const int64_t written = capus_write(fd, (const char *)bytes + done, rest < part ? rest : part);
    if (written <= 0)
      return done > 0 || written == 0 ? (int64_t)done : written;
    done += (size_t)written;
    if (part == count)
      break;
  }
  return done > 0 ? (int64_t)done : -EAGAIN;
}

void capus_pause(void) {
  poll(NULL, 0, 100);
}

void *capus_reserve(size_t count) {
  return raw_map(count, MAP_NORESERVE);
}

int32_t capus_guard(void *page, size_t count) {
  return (int32_t)raw3(SYS_mprotect, page, count, PROT_NONE);
}

void capus_discard(void *memory, size_t count) {
  madvise(memory, count, MADV_DONTNEED);
}

int32_t capus_page_size(void) {
  return (int32_t)getauxval(AT_PAGESZ);
}
