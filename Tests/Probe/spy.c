/* What an attacker does with a process that is on its way to execve(2), and what holds it there.
 *
 *   probe lease FILE           hold a write lease on FILE: who executes it waits (fcntl(2)); says
 *                              "leased" on standard output, then sleeps
 *   probe spy UID PID ADDRESS  as that user and group and without any capability, try everything
 *                              that leads into the memory of a process, and say which deeds were
 *                              not refused, then "done"
 *   probe swap UID A B         as that user put A in the place of B and back for ever, as fast as
 *                              it goes; says "swaps" once it has begun
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

int lease(const char *path);
int spy(char **arguments);
int swap(char **arguments);

int lease(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  signal(SIGIO, SIG_IGN);
  if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
    perror("probe: lease");
    return 1;
  }
  puts("leased");
  fflush(stdout);
  for (;;)
    pause();
}

static void say(const char *deed, long result) {
  if (result >= 0)
    printf("%s\n", deed);
}

static void give_up_everything(uid_t uid) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0}};
  if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
      syscall(SYS_capset, &header, none) < 0)
    exit(7);
}

/* Until Linux 6.8 ptrace(2) waits for the end of an execve(2) under way: that is no success. */
static int trace(pid_t pid) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    alarm(1);
    _exit(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
  }
  waitpid(child, &status, 0);
  return status == 1 << 8 ? 0 : -1;
}

int spy(char **arguments) {
  pid_t pid = atoi(arguments[1]);
  void *address = (void *)strtoul(arguments[2], NULL, 16);
  char path[64], byte;
  struct iovec own = {&byte, 1}, other = {address, 1};
  give_up_everything((uid_t)atoi(arguments[0]));
  for (int flags = O_RDONLY; flags <= O_RDWR; flags++) {
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = open(path, flags);
    say(flags == O_RDONLY ? "open mem" : "open mem for writing", fd);
    if (fd >= 0 && flags == O_RDWR && pread(fd, &byte, 1, (off_t)address) == 1)
      say("write mem", pwrite(fd, &byte, 1, (off_t)address));
  }
  const char *const files[] = {"maps", "environ", "auxv", "stack", "syscall", "fd/0"};
  for (size_t index = 0; index < sizeof files / sizeof *files; index++) {
    snprintf(path, sizeof path, "/proc/%d/%s", pid, files[index]);
    int fd = open(path, O_RDONLY);
    say(files[index], fd < 0 ? -1 : read(fd, &byte, 1));
  }
  say("read", process_vm_readv(pid, &own, 1, &other, 1, 0));
  say("write", process_vm_writev(pid, &own, 1, &other, 1, 0));
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  say("take a descriptor", pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 0, 0));
  say("trace", trace(pid));
  puts("done");
  return 0;
}

int swap(char **arguments) {
  enum { EXCHANGE = 2 };
  give_up_everything((uid_t)atoi(arguments[0]));
  for (long round = 0;; round++) {
    if (syscall(SYS_renameat2, AT_FDCWD, arguments[1], AT_FDCWD, arguments[2], EXCHANGE) < 0)
      return 7;
    if (round == 0) {
      puts("swaps");
      fflush(stdout);
    }
  }
}
