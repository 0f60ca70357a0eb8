#include "apart.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "include/closer.h"
#include "steps.h"

enum { HIGHEST_SIGNAL = 64, STACK_BYTES = 16384 };

struct beginning {
  const char *name;
  void (*function)(void *);
  void *argument;
  int ends[2];
};

long capus_clone_call(long number, long a, long b, long c, void (*function)(void *),
                      void *argument);

/* What keeps PID 1 from being killed for want of memory is not for others. */
static void lose_score(void) {
  char score[6] = {0};
  int fd = raw_open(CAPUS_OWN_SCORE, O_RDWR);
  if (fd < 0)
    return;
  if (raw3(SYS_read, fd, score, 5) == 5 && memcmp(score, "-1000", 5) == 0)
    raw3(SYS_write, fd, "0", 1);
  raw1(SYS_close, fd);
}

static void begin(void *argument) {
  const struct beginning *beginning = argument;
  const uint64_t none[8] = {0};
  for (int signal = 1; signal <= HIGHEST_SIGNAL; signal++)
    raw4(SYS_rt_sigaction, signal, none, 0, 8);
  raw5(SYS_prctl, PR_SET_NAME, beginning->name, 0, 0, 0);
  /* Refused where it is that one already. */
  raw3(SYS_dup3, beginning->ends[1], APART_CHANNEL, O_CLOEXEC);
  capus_close_range(APART_CHANNEL + 1, ~0U);
  capus_close_range(0, APART_CHANNEL - 1);
  lose_score();
  beginning->function(beginning->argument);
  for (;;)
    raw1(SYS_exit_group, 0);
}

int32_t capus_apart(const char *name, void (*function)(void *), void *argument, int32_t *pid) {
  struct beginning beginning = {.name = name, .function = function, .argument = argument};
  /* Each one's own, as all memory is. */
  static _Alignas(16) char stack[STACK_BYTES];
  long result = raw4(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, beginning.ends);
  if (result < 0)
    return (int32_t)result;
  capus_closer_settle();
  result = capus_clone_call(SYS_clone, 0, (long)(stack + STACK_BYTES), 0, begin, &beginning);
  raw1(SYS_close, beginning.ends[1]);
  *pid = (int32_t)result;
  if (result > 0)
    return beginning.ends[0];
  raw1(SYS_close, beginning.ends[0]);
  return (int32_t)result;
}

long capus_apart_look(int32_t pid, int options) {
  siginfo_t information = {0};
  const long result = raw5(SYS_waitid, pid > 0 ? P_PID : P_ALL, pid, &information,
                           WEXITED | options | (int)__WCLONE, 0);
  return result < 0 ? result : information.si_pid;
}
