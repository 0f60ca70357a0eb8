/* The end of the board, and the shell that is left when nothing else is. */
#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "child.h"
#include "layout.h"
#include "raw.h"
#include "steps.h"

#define RB_WITH_ARGUMENT 0xa1b2c3d4U /* LINUX_REBOOT_CMD_RESTART2 */

/* fork(2), without what the C library does for threads. */
static int32_t make_child(void) {
  return (int32_t)raw5(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int32_t wait_for(int32_t pid, int options) {
  return (int32_t)raw4(SYS_wait4, pid, 0, options, 0);
}

void capus_block_signals(void) {
  raw_set_mask(MASKABLE_SIGNALS);
}

int32_t capus_wait_signal(int32_t timeout_ms) {
  timeout_ms = capus_watchdog_keep(timeout_ms);
  uint64_t mask = MASKABLE_SIGNALS;
  int64_t timeout[2] = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
  int32_t number = (int32_t)raw4(NR_SIGTIMEDWAIT, &mask, 0, timeout, sizeof mask);
  return number == -EINTR ? -EAGAIN : number;
}

int32_t capus_reap_any(void) {
  return wait_for(-1, WNOHANG);
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
  int32_t pid = make_child();
  if (pid != 0)
    return pid;
  const struct raw_action standard = {.handler = SIG_DFL};
  for (int number = 1; number < 65; number++)
    raw_action(number, &standard, NULL);
  raw_set_mask(0);
  raw0(SYS_setsid);
  capus_write_file(CAPUS_OWN_SCORE, (const uint8_t *)"0", 1);
  /* Whoever else reads from the terminal, as a getty does, would take half of what is typed. */
  int fd = raw_open(console, O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (fd >= 0) {
    raw3(SYS_ioctl, fd, TIOCVHANGUP, 0);
    raw1(SYS_close, fd);
  }
  fd = raw_open(console, O_RDWR);
  if (fd >= 0) {
    raw3(SYS_ioctl, fd, TIOCSCTTY, 1);
    for (int target = 0; target <= 2; target++)
      if (fd == target)
        raw3(NR_FCNTL, fd, F_SETFD, 0);
      else
        raw3(SYS_dup3, fd, target, 0);
  }
  if (raw1(SYS_chdir, "/root") < 0 && raw1(SYS_chdir, "/") < 0)
    capus_exit(126);
  if (vector[0])
    raw3(SYS_execve, vector[0], vector, environment);
  char *const shell[] = {"-sh", NULL};
  raw3(SYS_execve, "/bin/sh", shell, environment);
  capus_exit(127);
}

static int32_t attempt(enum capus_attempt what, const char *path) {
  switch (what) {
  case CAPUS_UNMOUNT:
    return (int32_t)raw2(SYS_umount2, path, UMOUNT_NOFOLLOW);
  case CAPUS_READ_ONLY:
    return (int32_t)raw5(SYS_mount, 0, path, 0, MS_REMOUNT | MS_RDONLY, 0);
  case CAPUS_SWAP_OFF:
    return (int32_t)raw1(SYS_swapoff, path);
  case CAPUS_SEED:
    return capus_seed_save(path);
  case CAPUS_READ_BOOTS:
  case CAPUS_COUNT_BOOT:
  case CAPUS_GOOD_BOOT:
    return capus_boots(path, what);
  case CAPUS_CREATE:
    return capus_create((const void *)path);
  case CAPUS_SYNC:
    break;
  }
  return (int32_t)raw0(SYS_sync);
}

/* In a child that nobody waits for: it keeps nothing open that may be closed meanwhile. */
static void attempt_alone(enum capus_attempt what, const char *path) {
  char text[PATH_MAX + 64];
  capus_close_range(3, ~0U);
  const int32_t outcome = attempt(what, path);
  if (outcome < 0) {
    char *end = raw_text(raw_text(raw_text(text, "apus: cannot write "), path), ": errno ");
    end = raw_text(raw_decimal(end, (uint64_t)-outcome), "\n");
    raw3(SYS_write, 2, text, end - text);
  }
  capus_exit(0);
}

int32_t capus_attempt(enum capus_attempt what, const char *path, int32_t timeout_ms) {
  int ends[2];
  if (timeout_ms < 0) {
    const int32_t child = make_child();
    if (child == 0)
      attempt_alone(what, path);
    return child < 0 ? child : 0;
  }
  capus_watchdog_keep(0);
  int32_t outcome = (int32_t)raw2(SYS_pipe2, ends, O_CLOEXEC);
  if (outcome < 0)
    return outcome;
  int32_t pid = make_child();
  if (pid == 0) {
    outcome = attempt(what, path);
    raw3(SYS_write, ends[1], &outcome, sizeof outcome);
    capus_exit(0);
  }
  raw1(SYS_close, ends[1]);
  outcome = pid;
  if (pid > 0) {
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    int ready = poll(&wait, 1, timeout_ms);
    outcome = -ETIMEDOUT;
    if (ready > 0 && raw3(SYS_read, ends[0], &outcome, sizeof outcome) != sizeof outcome)
      outcome = -ECHILD;
    if (ready > 0)
      wait_for(pid, 0);
    else
      raw2(SYS_kill, pid, SIGKILL);
  }
  raw1(SYS_close, ends[0]);
  return outcome;
}

int32_t capus_swap_on(const char *path) {
  return (int32_t)raw2(SYS_swapon, path, 0);
}

static int32_t restart(unsigned command) {
  return (int32_t)raw4(SYS_reboot, 0xfee1dead, 672274793, command, 0);
}

int32_t capus_take_ctrl_alt_del(void) {
  return restart(RB_DISABLE_CAD);
}

/* Where there is no record. */
static char unrecorded[ARGUMENT_BYTES];

static char *kept_argument(void) {
  struct record *record = capus_record_current();
  return record ? record->argument : unrecorded;
}

void capus_argument_keep(const uint8_t *text, size_t count) {
  if (count >= ARGUMENT_BYTES)
    return;
  char *argument = kept_argument();
  memcpy(argument, text, count);
  argument[count] = 0;
}

int32_t capus_power(enum capus_power action) {
  char *argument = kept_argument();
  static const unsigned commands[] = {RB_AUTOBOOT, RB_POWER_OFF, RB_HALT_SYSTEM, 0x45584543};
  /* Another kernel may have no driver for it. */
  if (action != CAPUS_REBOOT)
    capus_watchdog_disarm();
  /* One that a kernel refuses must not keep the board from its reboot. */
  argument[ARGUMENT_BYTES - 1] = 0;
  if (action == CAPUS_REBOOT && *argument != 0)
    raw4(SYS_reboot, 0xfee1dead, 672274793, RB_WITH_ARGUMENT, argument);
  return restart(commands[action]);
}

void capus_sleep_for_ever(void) {
  for (;;)
    poll(NULL, 0, -1);
}

void capus_exit(int32_t code) {
  for (;;)
    raw1(SYS_exit_group, code);
}

#ifdef APUS_DEVICE
/* The C library's flushes streams that apus has not, and links them. */
void exit(int code) {
  capus_exit(code);
}
#endif
