/* The end of the board, and the shell that is left when nothing else is. */
#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int32_t result(int32_t value) {
  return value < 0 ? -errno : value;
}

/* Every signal but those a fault sends: blocked, they would end the process without its handler. */
static void maskable(sigset_t *set) {
  static const int faults[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGSYS};
  sigfillset(set);
  for (unsigned index = 0; index < sizeof faults / sizeof *faults; index++)
    sigdelset(set, faults[index]);
}

void capus_block_signals(void) {
  sigset_t set;
  maskable(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
}

int32_t capus_wait_signal(int32_t timeout_ms) {
  sigset_t set;
  maskable(&set);
  struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
  int number = sigtimedwait(&set, NULL, &timeout);
  return number < 0 && errno == EINTR ? -EAGAIN : result(number);
}

int32_t capus_reap_any(void) {
  return result(waitpid(-1, NULL, WNOHANG));
}

int32_t capus_start_shell(const char *console, const uint8_t *arguments, size_t count) {
  char *vector[16] = {NULL};
  unsigned filled = 0;
  for (size_t start = 0; start < count && filled < 15;) {
    vector[filled++] = (char *)(uintptr_t)(arguments + start);
    start += strlen((const char *)arguments + start) + 1;
  }
  static char *const environment[] = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
      "TERM=linux", NULL};
  pid_t pid = fork();
  if (pid != 0)
    return result(pid);
  sigset_t none;
  for (int number = 1; number < 65; number++)
    signal(number, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  int fd = open(console, O_RDWR);
  if (fd >= 0) {
    ioctl(fd, TIOCSCTTY, 1);
    for (int target = 0; target <= 2; target++)
      dup2(fd, target);
    if (fd > 2)
      close(fd);
  }
  if (chdir("/root") < 0 && chdir("/") < 0)
    _exit(126);
  if (vector[0])
    execve(vector[0], vector, environment);
  char *const shell[] = {"-sh", NULL};
  execve("/bin/sh", shell, environment);
  _exit(127);
}

int32_t capus_attempt(enum capus_attempt what, const char *path, int32_t timeout_ms) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return -errno;
  pid_t pid = fork();
  if (pid < 0) {
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    return -error;
  }
  if (pid == 0) {
    int32_t outcome = 0;
    switch (what) {
    case CAPUS_SYNC:
      sync();
      break;
    case CAPUS_UNMOUNT:
      outcome = result(umount2(path, UMOUNT_NOFOLLOW));
      break;
    case CAPUS_READ_ONLY:
      outcome = result(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL));
      break;
    case CAPUS_SWAP_OFF:
      outcome = result(swapoff(path));
      break;
    }
    ssize_t ignored = write(ends[1], &outcome, sizeof outcome);
    (void)ignored;
    _exit(0);
  }
  close(ends[1]);
  struct pollfd wait = {.fd = ends[0], .events = POLLIN};
  int ready = poll(&wait, 1, timeout_ms);
  int32_t outcome = -ETIMEDOUT;
  if (ready > 0 && read(ends[0], &outcome, sizeof outcome) != sizeof outcome)
    outcome = -ECHILD;
  close(ends[0]);
  if (ready > 0)
    waitpid(pid, NULL, 0);
  else
    kill(pid, SIGKILL);
  return outcome;
}

int32_t capus_take_ctrl_alt_del(void) {
  return result(reboot(RB_DISABLE_CAD));
}

int32_t capus_power(enum capus_power action) {
  static const int commands[] = {RB_AUTOBOOT, RB_POWER_OFF, RB_HALT_SYSTEM, 0x45584543};
  return result(reboot(commands[action]));
}

void capus_sleep_for_ever(void) {
  for (;;)
    pause();
}

void capus_exit(int32_t code) {
  _exit(code);
}
