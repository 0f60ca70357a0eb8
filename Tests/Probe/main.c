/* The service of the supervisor tests: says what it was given and does as its first argument says.
 *
 *   probe report FILE   write environment, descriptors and /proc/self/status to FILE, then sleep
 *   probe serve         accept on the passed listeners for ever, answer each with "PID NAME\n"
 *   probe once          accept one connection, answer it, exit 0
 *   probe inetd         answer on standard output with REMOTE_ADDR and the pid, exit 0
 *   probe exit N        exit with N at once
 *   probe deaf          ignore SIGTERM and sleep
 *   probe fork FILE     leave a child behind that writes its pid to FILE, then sleep
 *   probe sleep         sleep
 *   probe notify TEXT…  send each text to NOTIFY_SOCKET, then sleep; say RELOADING and READY on
 * SIGHUP probe log FILE NAME append NAME and the variables of helpers to FILE, exit 0
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

static void copy(FILE *out, const char *path) {
  FILE *in = fopen(path, "r");
  int character;
  if (!in)
    return;
  while ((character = fgetc(in)) != EOF)
    fputc(character, out);
  fclose(in);
}

static void report(const char *path) {
  char temporary[512], link[64], target[512];
  snprintf(temporary, sizeof temporary, "%s.new", path);
  FILE *out = fopen(temporary, "w");
  if (!out)
    exit(3);
  fprintf(out, "pid=%d\nsid=%d\n", getpid(), getsid(0));
  for (char **entry = environ; *entry; entry++)
    fprintf(out, "env:%s\n", *entry);
  for (int fd = 0; fd < 1024; fd++) {
    if (fd == fileno(out))
      continue;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, target, sizeof target - 1);
    if (count < 0)
      continue;
    target[count] = 0;
    fprintf(out, "fd:%d=%s\n", fd, target);
  }
  mode_t mask = umask(0);
  umask(mask);
  fprintf(out, "umask=%04o\n", mask);
  char *directory = getcwd(target, sizeof target);
  fprintf(out, "cwd=%s\n", directory ? directory : "?");
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  fprintf(out, "nofile=%llu:%llu\n", (unsigned long long)limit.rlim_cur,
          (unsigned long long)limit.rlim_max);
  struct sched_param priority;
  sched_getparam(0, &priority);
  fprintf(out, "scheduler=%d:%d\nioprio=%ld\n", sched_getscheduler(0), priority.sched_priority,
          syscall(SYS_ioprio_get, 1, 0));
  fprintf(out, "oom=");
  copy(out, "/proc/self/oom_score_adj");
  fprintf(out, "cgroup=");
  copy(out, "/proc/self/cgroup");
  for (int signal = 1; signal < 32; signal++) {
    struct sigaction action;
    /* Handlers do not outlive execve(2); those of a language runtime come after it. */
    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
      fprintf(out, "notdefault=%d\n", signal);
  }
  copy(out, "/proc/self/status");
  fclose(out);
  rename(temporary, path);
}

static int listeners(void) {
  const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
  if (!count || !pid || atoi(pid) != getpid())
    exit(4);
  return atoi(count);
}

static void answer(int listener) {
  char text[128];
  const char *names = getenv("LISTEN_FDNAMES");
  int client = accept(listener, NULL, NULL);
  if (client < 0)
    return;
  int count = snprintf(text, sizeof text, "%d %s\n", getpid(), names ? names : "");
  if (write(client, text, (size_t)count) < 0)
    perror("write");
  close(client);
}

static void notify(const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("NOTIFY_SOCKET");
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (!path)
    return;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (sendto(fd, text, strlen(text), 0, (void *)&address, sizeof address) < 0)
    perror("probe: notify");
  close(fd);
}

static void reload(int number) {
  (void)number;
  notify("RELOADING=1");
  notify("READY=1");
}

static void append(const char *path, const char *name) {
  FILE *out = fopen(path, "a");
  const char *result = getenv("SERVICE_RESULT"), *status = getenv("EXIT_STATUS");
  if (!out)
    exit(9);
  fprintf(out, "%s mainpid=%d result=%s status=%s\n", name, getenv("MAINPID") != 0,
          result ? result : "-", status ? status : "-");
  fclose(out);
}

int main(int count, char **arguments) {
  /* The Swift runtime of this build would make a backtrace of it. */
  signal(SIGABRT, SIG_DFL);
  const char *deed = count > 1 ? arguments[1] : "sleep";
  if (!strcmp(deed, "report") && count > 2)
    report(arguments[2]);
  if (!strcmp(deed, "exit"))
    return count > 2 ? atoi(arguments[2]) : 0;
  if (!strcmp(deed, "once")) {
    listeners();
    answer(3);
    return 0;
  }
  if (!strcmp(deed, "inetd")) {
    const char *peer = getenv("REMOTE_ADDR");
    printf("%d %s\n", getpid(), peer ? peer : "-");
    return 0;
  }
  if (!strcmp(deed, "notify")) {
    signal(SIGHUP, reload);
    for (int index = 2; index < count; index++)
      notify(arguments[index]);
  }
  if (!strcmp(deed, "log") && count > 3) {
    append(arguments[2], arguments[3]);
    return 0;
  }
  if (!strcmp(deed, "deaf"))
    signal(SIGTERM, SIG_IGN);
  if (!strcmp(deed, "fork") && count > 2 && fork() == 0) {
    FILE *out = fopen(arguments[2], "w");
    fprintf(out, "%d\n", getpid());
    fclose(out);
  }
  if (!strcmp(deed, "serve")) {
    struct pollfd fds[64];
    int passed = listeners();
    for (int index = 0; index < passed && index < 64; index++)
      fds[index] = (struct pollfd){.fd = 3 + index, .events = POLLIN};
    for (;;)
      if (poll(fds, (nfds_t)passed, -1) > 0)
        for (int index = 0; index < passed; index++)
          if (fds[index].revents)
            answer(fds[index].fd);
  }
  for (;;)
    pause();
}
