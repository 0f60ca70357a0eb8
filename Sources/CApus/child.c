#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#include "cgroup.h"
#include "childside.h"
#include "raw.h"
#include "rights.h"
#include "steps.h"

/* Everything in this file but capus_spawn runs in the child. */

#define FIXED_CLONE_VM 0x00000100
#define FIXED_CLONE_PIDFD 0x00001000
#define FIXED_CLONE_CLEAR_SIGHAND 0x100000000ULL
#define FIXED_CLONE_INTO_CGROUP 0x200000000ULL

enum { NAME_LIMIT = 255, HIGHEST_SIGNAL = 64 };

struct clone_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  uint64_t tids, tid_count, group; /* from Linux 5.7 on */
};
enum { CLONE_ARGUMENTS_FIRST = 64 };

long capus_clone_call(long number, long a, long b, long c, void (*function)(void *),
                      void *argument);

/* Set once this kernel (or a container's filter) has refused clone3(2). */
static volatile bool clone3_refused;
/* Set once it knows clone3(2) but not CLONE_INTO_CGROUP. */
static bool placing_refused;

/* One directory below another, made if it is not there; its descriptor, or -errno. A symbolic link
 * in the place of either is refused. `*made` tells whether it is new. */
CHILD long enter(int parent, const char *name, bool *made) {
  long result = raw3(SYS_mkdirat, parent, name, 0755);
  *made = result == 0;
  if (result < 0 && result != -EEXIST)
    return result;
  return raw4(SYS_openat, parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Takes the first name off `*path` into `name`; 1, 0 at the end, or -errno. */
CHILD long next_name(const char **path, char *name) {
  const char *from = *path;
  long length = 0;
  while (*from == '/')
    from++;
  while (*from != 0 && *from != '/') {
    if (length == NAME_LIMIT)
      return -ENAMETOOLONG;
    name[length++] = *from++;
  }
  name[length] = 0;
  *path = from;
  if (length == 0)
    return 0;
  if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
    return -EINVAL;
  return 1;
}

/* The place itself may be reached through links (/var/log on a tmpfs); what is below may not. */
CHILD long open_base(const char *base) {
  char name[NAME_LIMIT + 1];
  bool made;
  long directory = raw4(SYS_openat, AT_FDCWD, base, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory != -ENOENT)
    return directory;
  directory = raw4(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  while (directory >= 0) {
    long more = next_name(&base, name);
    if (more == 0)
      return directory;
    long inner = more < 0 ? more : enter((int)directory, name, &made);
    raw1(SYS_close, directory);
    directory = inner;
  }
  return directory;
}

/* Makes base/path with mode 0755 and gives its last directory to the user. */
CHILD long make_directory(const struct capus_step *step) {
  char name[NAME_LIMIT + 1];
  const char *path = step->text;
  bool made = false;
  long directory = open_base(step->base);
  if (directory < 0)
    return directory;
  for (bool below = false;; below = true) {
    long more = next_name(&path, name);
    if (more < 0 || (more == 0 && !below)) {
      raw1(SYS_close, directory);
      return more < 0 ? more : -EINVAL;
    }
    if (more == 0)
      break;
    long inner = enter((int)directory, name, &made);
    raw1(SYS_close, directory);
    if (inner < 0)
      return inner;
    directory = inner;
  }
  long result = raw3(NR_FCHOWN, directory, step->first, step->second);
  if (result == 0 && made)
    result = raw2(SYS_fchmod, directory, 0755);
  raw1(SYS_close, directory);
  return result;
}

CHILD long open_stream(struct capus_plan *plan, const struct capus_step *step) {
  if (step->small >= plan->source_count)
    return -EINVAL;
  static const int ways[] = {O_RDONLY, O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_APPEND};
  if (step->first > 2)
    return -EINVAL;
  int flags = ways[step->first] | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  long fd = raw4(SYS_openat, AT_FDCWD, step->text, flags, step->second);
  if (fd < 0)
    return fd;
  plan->sources[step->small] = (int32_t)fd;
  return 0;
}

/* Opened without waiting for a carrier, used with waiting, as getty expects it. */
CHILD long take_terminal(struct capus_plan *plan, const struct capus_step *step) {
  if (plan->source_count < 3)
    return -EINVAL;
  long fd = raw4(SYS_openat, AT_FDCWD, step->text, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  long flags = raw2(NR_FCNTL, fd, F_GETFL);
  if (flags < 0)
    return flags;
  long result = raw3(NR_FCNTL, fd, F_SETFL, flags & ~O_NONBLOCK);
  if (result < 0)
    return result;
  result = raw3(SYS_ioctl, fd, TIOCSCTTY, 1);
  if (result < 0)
    return result;
  for (int target = 0; target < 3; target++)
    plan->sources[target] = (int32_t)fd;
  return 0;
}

/* Closes from `first` on; one by one where there is no close_range(2) (before Linux 5.9). */
CHILD long close_from(long first) {
  struct {
    uint64_t soft, hard;
  } limit;
  long result = raw3(NR_CLOSE_RANGE, first, ~0U, 0);
  if (result != -ENOSYS)
    return result;
  result = raw4(SYS_prlimit64, 0, 7, 0, &limit);
  if (result < 0)
    return result;
  for (uint64_t fd = (uint64_t)first; fd < limit.soft && fd < 1048576; fd++)
    raw1(SYS_close, fd);
  return 0;
}

/* First everything out of the way of the targets, then each to its place: no order of sources can
 * overwrite one that is still needed. The report pipe comes right after them. */
CHILD long place_descriptors(struct capus_plan *plan) {
  const int count = (int)plan->source_count;
  long fd = raw3(NR_FCNTL, plan->report, F_DUPFD_CLOEXEC, count + 1);
  if (fd < 0)
    return fd;
  plan->report = (int32_t)fd;
  for (int target = 0; target < count; target++) {
    if (plan->sources[target] < 0 || plan->sources[target] > count)
      continue;
    fd = raw3(NR_FCNTL, plan->sources[target], F_DUPFD_CLOEXEC, count + 1);
    if (fd < 0)
      return fd;
    plan->sources[target] = (int32_t)fd;
  }
  for (int target = 0; target < count; target++) {
    long result = plan->sources[target] < 0 ? raw1(SYS_close, target)
                                            : raw3(SYS_dup3, plan->sources[target], target, 0);
    if (result < 0 && result != -EBADF)
      return result;
    if (result < 0 && plan->sources[target] >= 0)
      return result;
  }
  fd = raw3(SYS_dup3, plan->report, count, O_CLOEXEC);
  if (fd < 0)
    return fd;
  plan->report = (int32_t)fd;
  return close_from(count + 1);
}

CHILD void write_number(char *digits, unsigned long number) {
  unsigned long divisor = 1;
  while (number / divisor >= 10)
    divisor *= 10;
  for (; divisor > 0; divisor /= 10)
    *digits++ = (char)('0' + number / divisor % 10);
  *digits = 0;
}

CHILD void write_pid(char *digits) {
  write_number(digits, (unsigned long)raw0(SYS_getpid));
}

/* The number of the inode that every pidfd of this process has; first of all, while nothing limits
 * descriptors. */
CHILD void write_pidfd_inode(char *digits) {
  struct raw_status status;
  int fd = (int)raw2(NR_PIDFD_OPEN, raw0(SYS_getpid), 0);
  if (raw_stat(fd, "", AT_EMPTY_PATH, &status) == 0)
    write_number(digits, (unsigned long)status.inode);
  raw1(SYS_close, fd);
}

/* The last thing before the new program: no signal is blocked any more. */
CHILD long execute(const struct capus_plan *plan) {
  uint64_t none = 0;
  if (plan->pid_digits)
    write_pid(plan->pid_digits);
  if (plan->watchdog_digits)
    write_pid(plan->watchdog_digits);
  long result = raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
  if (result < 0)
    return result;
  return raw3(SYS_execve, plan->path, plan->arguments, plan->environment);
}

/* True when the kernel command line has that word, or for one without a value, a value for it. */
CHILD bool has_argument(const char *wanted) {
  char text[4096];
  long fd = raw4(SYS_openat, AT_FDCWD, "/proc/cmdline", O_RDONLY | O_CLOEXEC, 0);
  long count = raw3(SYS_read, fd, text, sizeof text);
  raw1(SYS_close, fd);
  for (long at = 0; at < count; at++) {
    const char *rest = wanted;
    bool has_value = false;
    for (; at < count && text[at] == *rest; at++)
      has_value |= *rest++ == '=';
    if (*rest == 0 && (at >= count || text[at] <= ' ' || (text[at] == '=' && !has_value)))
      return true;
    while (at < count && text[at] > ' ')
      at++;
  }
  return false;
}

/* `arm` stands for armv6l, armv7l and the like. */
CHILD bool is_machine(uint64_t number) {
  static const char names[][8] = {"x86_64", "aarch64", "arm", "riscv64"};
  struct utsname system;
  size_t at = 0;
  if (number >= sizeof names / sizeof *names || raw1(SYS_uname, &system) < 0)
    return false;
  while (names[number][at] != 0 && names[number][at] == system.machine[at])
    at++;
  return names[number][at] == 0 && (number == 2 || system.machine[at] == 0);
}

/* An unmet condition fails with its own number, counted from 1. */
CHILD long check_condition(const struct capus_step *step) {
  bool is_met;
  if (step->small < 2)
    is_met = (raw3(SYS_faccessat, AT_FDCWD, step->text, 0) == 0) == (step->small == 0);
  else
    is_met = step->small == 2 ? has_argument(step->text) : is_machine(step->first);
  return is_met ? 0 : -1 - (long)step->small;
}

/* Where the kernel has not placed the child at its birth (before Linux 5.7). */
CHILD long join_group(const struct capus_plan *plan) {
  if (plan->is_placed)
    return 0;
  long fd = raw4(SYS_openat, plan->group, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  long result = raw3(SYS_write, fd, "0", 1);
  raw1(SYS_close, fd);
  return result < 0 ? result : 0;
}

CHILD long take_step(struct capus_plan *plan, const struct capus_step *step) {
  switch ((enum capus_operation)step->operation) {
  case CAPUS_CONDITION:
    return check_condition(step);
  case CAPUS_ENVIRONMENT:
    return child_read_environment(plan, step);
  case CAPUS_READ_PID:
    raw1(SYS_exit_group, child_read_pid(plan, step));
  case CAPUS_CONNECT:
    raw1(SYS_exit_group, child_connect(step));
  case CAPUS_SESSION: {
    uint64_t limit[2];
    long session = raw0(SYS_setsid);
    if (step->first && raw4(SYS_prlimit64, 0, RLIMIT_LOCKS, 0, limit) == 0) {
      limit[0] = step->first;
      raw4(SYS_prlimit64, 0, RLIMIT_LOCKS, limit, 0);
    }
    return session < 0 ? session : 0;
  }
  case CAPUS_UMASK:
    raw1(SYS_umask, step->small);
    return 0;
  case CAPUS_DIRECTORY:
    return make_directory(step);
  case CAPUS_OPEN:
    return open_stream(plan, step);
  case CAPUS_TERMINAL:
    return take_terminal(plan, step);
  case CAPUS_DESCRIPTORS:
    return place_descriptors(plan);
  case CAPUS_GROUP:
    return join_group(plan);
  case CAPUS_DIRECTORY_CHANGE:
    return raw1(SYS_chdir, step->text);
  case CAPUS_SANDBOX:
    return capus_sandbox(plan, step->small);
  case CAPUS_EXECUTE:
    return execute(plan);
  default:
    return capus_take_right(plan, step);
  }
}

/* clone3(2) gives the child default dispositions; clone(2) leaves it the handlers of its parent,
 * which must not run on the shared memory. */
CHILD void reset_handlers(void) {
  const uint64_t none[8] = {0};
  for (int signal = 1; signal <= HIGHEST_SIGNAL; signal++)
    raw4(SYS_rt_sigaction, signal, none, 0, 8);
}

CHILD void run(void *argument) {
  struct capus_plan *plan = argument;
  if (clone3_refused)
    reset_handlers();
  if (plan->pidfd_digits)
    write_pidfd_inode(plan->pidfd_digits);
  for (uint32_t index = 0; index < plan->step_count; index++) {
    plan->stage = index;
    long result = take_step(plan, &plan->steps[index]);
    if (result < 0) {
      plan->error = (int32_t)-result;
      break;
    }
  }
  for (;;)
    raw1(SYS_exit_group, 127);
}

int capus_has_pidfs(void) {
  enum { UNKNOWN, ABSENT, PRESENT, PIDFS_MAGIC = 0x50494446 };
  static uint8_t answer;
  if (answer == UNKNOWN) {
    struct statfs system = {0};
    int fd = (int)raw2(NR_PIDFD_OPEN, raw0(SYS_getpid), 0);
    answer =
        fd >= 0 && fstatfs(fd, &system) == 0 && system.f_type == PIDFS_MAGIC ? PRESENT : ABSENT;
    raw1(SYS_close, fd);
  }
  return answer == PRESENT;
}

void capus_spawn_outside(void) {
  placing_refused = true;
}

int capus_spawn(struct capus_plan *plan, void *stack, size_t stack_size, int32_t *pidfd) {
  struct clone_arguments arguments = {
      .flags = FIXED_CLONE_VM | FIXED_CLONE_PIDFD | FIXED_CLONE_CLEAR_SIGHAND | plan->clone_flags,
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = stack_size,
  };
  plan->stage = 0;
  plan->error = 0;
  plan->found = 0;
  plan->is_placed = plan->group >= 0 && !placing_refused && capus_cgroup_bears(plan->group);
  if (plan->is_placed) {
    arguments.flags |= FIXED_CLONE_INTO_CGROUP;
    arguments.group = (uint64_t)plan->group;
  }
  while (!clone3_refused) {
    size_t size = plan->is_placed ? sizeof arguments : CLONE_ARGUMENTS_FIRST;
    long pid = capus_clone_call(NR_CLONE3, (long)&arguments, (long)size, 0, run, plan);
    if (plan->is_placed && (pid == -E2BIG || pid == -EINVAL)) {
      placing_refused = true;
      plan->is_placed = 0;
      arguments.flags &= ~FIXED_CLONE_INTO_CGROUP;
      continue;
    }
    /* Without the right to make a namespace the other call is refused as well. */
    if ((pid != -ENOSYS && pid != -EINVAL && pid != -EPERM) || plan->clone_flags)
      return (int)pid;
    clone3_refused = true;
    plan->is_placed = 0;
  }
  return (int)capus_clone_call(SYS_clone,
                               FIXED_CLONE_VM | FIXED_CLONE_PIDFD | SIGCHLD | plan->clone_flags,
                               (long)((char *)stack + stack_size), (long)pidfd, run, plan);
}
