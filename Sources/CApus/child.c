#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/statfs.h>

#include "cgroup.h"
#include "closer.h"
#include "steps.h"

/* Everything in this file but capus_spawn runs in the child. On 32-bit ARM it stays ARM code: as
 * one large Thumb function it is more than the code generator can place constants in. */
#if defined(__arm__)
#undef CHILD_CODE
#define CHILD_CODE __attribute__((no_stack_protector, target("arm")))
#endif

#define FIXED_CLONE_VM 0x00000100
#define FIXED_CLONE_PIDFD 0x00001000
#define FIXED_CLONE_CLEAR_SIGHAND 0x100000000ULL
#define FIXED_CLONE_INTO_CGROUP 0x200000000ULL

enum { HIGHEST_SIGNAL = 64, REPORT_BYTES = 16 };

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
CHILD long execute(struct capus_plan *plan) {
  uint64_t none = 0;
  if (plan->pid_digits)
    write_pid(plan->pid_digits);
  if (plan->watchdog_digits)
    write_pid(plan->watchdog_digits);
  long result = plan->words ? capus_expand(plan) : 0;
  if (result == 0)
    result = raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
  if (result < 0)
    return result;
  result = raw3(SYS_execve, plan->path, plan->arguments, plan->environment);
  /* The file is there: what is missing is the one that runs it. */
  if (result == -ENOENT && raw3(SYS_faccessat, AT_FDCWD, plan->path, 0) == 0)
    return -(ENOENT | CAPUS_INTERPRETER);
  return result;
}

SHARED long put(int directory, const char *path, const char *text, size_t count) {
  long fd = raw4(SYS_openat, directory, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  long result = raw3(SYS_write, fd, text, count);
  raw1(SYS_close, fd);
  return result < 0 ? result : 0;
}

/* Where the kernel has not placed the child at its birth (before Linux 5.7). */
CHILD long join_group(const struct capus_plan *plan) {
  return plan->is_placed ? 0 : put(plan->group, "cgroup.procs", "0", 1);
}

/* For the kernel the score belongs to the memory, so all who share it get it too, all but the
 * machine's PID 1: see `is_apart`. */
CHILD long set_score(const struct capus_step *step) {
  char text[8] = {'-'};
  long score = (long)(int64_t)step->first;
  write_number(text + (score < 0), (unsigned long)(score < 0 ? -score : score));
  long result = put(AT_FDCWD, CAPUS_OWN_SCORE, text, sizeof text);
  return step->small ? 0 : result;
}

/* What the parent reads of a child with memory of its own: before each step, and after a failure.
 */
SHARED void tell(const struct capus_plan *plan) {
  if (plan->is_apart)
    raw3(SYS_write, plan->report, &plan->stage, REPORT_BYTES);
}

CHILD long take_step(struct capus_plan *plan, const struct capus_step *step) {
  switch ((enum capus_operation)step->operation) {
  case CAPUS_CONDITION:
    return capus_check_condition(step);
  case CAPUS_ENVIRONMENT:
    return capus_read_environment(plan, step);
  case CAPUS_READ_PID: {
    const long code = capus_read_pid(plan, step);
    tell(plan);
    raw1(SYS_exit_group, code);
  }
  case CAPUS_CONNECT:
    raw1(SYS_exit_group, capus_connect(step));
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
  case CAPUS_DIRECTORY: {
    const long directory = capus_make_directory(plan, step);
    raw1(SYS_close, directory);
    return directory;
  }
  case CAPUS_OPEN:
    return capus_open_stream(plan, step);
  case CAPUS_TERMINAL:
    return capus_take_terminal(plan, step);
  case CAPUS_DESCRIPTORS:
    return capus_place_descriptors(plan);
  case CAPUS_GROUP:
    return join_group(plan);
  case CAPUS_SCORE:
    return set_score(step);
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
  if (plan->is_old)
    reset_handlers();
  if (plan->pidfd_digits)
    write_pidfd_inode(plan->pidfd_digits);
  for (uint32_t index = 0; index < plan->step_count; index++) {
    plan->stage = index;
    tell(plan);
    long result = take_step(plan, &plan->steps[index]);
    if (result < 0) {
      plan->error = (int32_t)-result;
      break;
    }
  }
  tell(plan);
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

void capus_hear(struct capus_plan *plan, int32_t report) {
  if (plan->is_apart)
    while (raw3(SYS_read, report, &plan->stage, REPORT_BYTES) == REPORT_BYTES) {
    }
}

int capus_spawn(struct capus_plan *plan, void *stack, size_t stack_size, int32_t *pidfd) {
  const uint32_t flags =
      FIXED_CLONE_PIDFD | plan->clone_flags | (plan->is_apart ? 0 : FIXED_CLONE_VM);
  struct clone_arguments arguments = {
      .flags = FIXED_CLONE_CLEAR_SIGHAND | flags,
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = stack_size,
  };
  capus_closer_settle();
  plan->stage = CAPUS_UNBORN;
  plan->error = 0;
  plan->found = 0;
  plan->clamped = 0;
  plan->is_old = clone3_refused;
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
    if (pid != -ENOSYS && pid != -EINVAL && pid != -EPERM)
      return (int)pid;
    plan->is_old = 1;
    /* It may be the right to make a namespace that is lacking: the other call tells. */
    if (plan->clone_flags)
      break;
    clone3_refused = true;
  }
  plan->is_placed = 0;
  return (int)capus_clone_call(SYS_clone, flags | SIGCHLD, (long)((char *)stack + stack_size),
                               (long)pidfd, run, plan);
}
