/* The service of the supervisor tests: says what it was given and does as its first argument says.
 *
 *   probe report FILE   write environment, descriptors and /proc/self/status to FILE, then sleep
 *   probe serve         accept on the passed listeners for ever, answer each with "PID NAME\n"
 *   probe once          accept one connection, answer it, exit 0
 *   probe drain         the same, but end with 0 on SIGTERM, and not while answering
 *   probe linger        the same, and drop what it accepts within 0.1 s after SIGTERM, then end
 *   probe keep          the same, but leave each connection open until its other end closes
 *   probe inetd         answer on standard output with REMOTE_ADDR and the pid, exit 0
 *   probe hold          say peer, port and cookie on standard output, exit 0 when the client is
 * gone probe shut          shut the first listener down, exit 0 probe sockets FILE  write type and
 * options of every passed descriptor to FILE, then sleep probe exit N        exit with N at once
 *   probe deaf          ignore SIGTERM and sleep
 *   probe fork FILE     leave a child behind that writes its pid to FILE, then sleep
 *   probe sleep         sleep
 *   probe notify TEXT…  send each text to NOTIFY_SOCKET, then sleep; say RELOADING and READY on
 *                       SIGHUP
 *   probe pet N         send READY=1, then WATCHDOG=1 every N milliseconds
 *   probe pour FILE     append to FILE what comes from descriptor 3
 *   probe chatter N     send WATCHDOG=1 that often, then READY=1, then sleep
 *   probe orphans N     leave that many sleeping children behind, all ending with this
 *   probe log FILE NAME append NAME and the variables of helpers to FILE, exit 0
 *   probe daemon FILE   leave a daemon in a session of its own that writes its pid to FILE (- for
 *                       none), exit 0
 *   probe double FILE   the same by way of another child that exits
 *   probe drop          the same, as another user, without a file
 *   probe forge PID PATH  take the RLIMIT_LOCKS of PID for its own and send MAINPID of itself and
 *                       WATCHDOG=trigger to PATH, then sleep
 *   probe leave         send MAINPID of a child, and READY, then exit 0
 *   probe name          send MAINPID of a child, and READY, then sleep and wait for the child
 *   probe ready FD      write a newline to FD, then sleep
 *   probe store FILE TEXT…  append to FILE what LISTEN_FDNAMES says and the descriptors hold; send
 *                       the first time each text with a memory file that holds it, or after "hup:"
 *                       with a pipe that has been hung up, after "again:" with the one before
 *   probe echo NAME…    answer each line or datagram on 0, if that is a socket, and on every passed
 *                       descriptor with "FD NAME LINE"; listeners are accepted from; a file is read
 *                       and appended to at once. Park a memory file of each NAME first, unless
 *                       LISTEN_FDNAMES has it
 *   probe hang WHAT DOOR [PATH]  send a descriptor whose close waits: a TCP socket for "linger", or
 *                       that file; to NOTIFY_SOCKET ("notify", "store" parks and removes it, "keep"
 *                       parks it), to a "control" or "client" socket; then say "sent" and sleep
 *   probe mute PATH N UID GID  connect N times to a control socket as that user, say "sent", sleep
 *   probe listen FLAG ADDRESS  once FLAG is there listen on a path or a port of 127.0.0.1
 *   probe lease, probe spy, probe swap  see spy.c; probe filter  see filter.c
 *   probe try DEED:ARG… do each, say "DEED:ARG=0" or the errno on standard output, then "done";
 *                       then serve when there are listeners, else sleep
 *   probe poisoned      answer one message with what it says, but fail at "poison" and leave it
 *   probe threads N     serve on descriptor 3 with that many threads
 *   probe leak          answer each connection with "leaked" and never close it
 *   probe fuse-hang DIR CALL…  a file system that never answers some calls; see fuse.c
 */
#define _GNU_SOURCE
#include "hang.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"

extern char **environ;

/* In spy.c. */
int lease(const char *path);
int spy(char **arguments);
int swap(char **arguments);
/* In filter.c. */
int run_filtered(char **arguments);

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
  char text[8192];
  const char *names = getenv("LISTEN_FDNAMES");
  int client = accept(listener, NULL, NULL);
  if (client < 0)
    return;
  int count = snprintf(text, sizeof text, "%d %s\n", getpid(), names ? names : "");
  if (write(client, text, (size_t)count) < 0)
    perror("write");
  close(client);
}

static volatile sig_atomic_t is_asked;

static void ask(int number) {
  (void)number;
  is_asked = 1;
}

/* Between two connections SIGTERM ends it, at no other time. */
static void drain(void) {
  sigset_t term, none;
  struct pollfd fds[64];
  int passed = listeners();
  sigemptyset(&none);
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  signal(SIGTERM, ask);
  for (int index = 0; index < passed && index < 64; index++)
    fds[index] = (struct pollfd){.fd = 3 + index, .events = POLLIN};
  while (!is_asked)
    if (ppoll(fds, (nfds_t)passed, NULL, &none) > 0)
      for (int index = 0; index < passed; index++)
        if (fds[index].revents)
          answer(fds[index].fd);
  exit(0);
}

/* Answers until SIGTERM; what comes in the tenth of a second after it is accepted and dropped. */
static void linger(void) {
  struct pollfd listener = {.fd = 3, .events = POLLIN};
  struct timespec now, end;
  struct sigaction action = {.sa_handler = ask};
  listeners();
  sigaction(SIGTERM, &action, NULL);
  while (!is_asked)
    if (poll(&listener, 1, -1) > 0)
      answer(3);
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += 100000000;
  do {
    if (poll(&listener, 1, 10) > 0)
      close(accept(3, NULL, NULL));
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - end.tv_sec) * 1000000000 + now.tv_nsec < end.tv_nsec);
  exit(0);
}

static void keep(void) {
  struct pollfd fds[64] = {{.fd = 3, .events = POLLIN}};
  nfds_t count = 1;
  char text[32];
  listeners();
  while (poll(fds, count, -1) > 0) {
    for (nfds_t index = count - 1; index > 0; index--)
      if (fds[index].revents && read(fds[index].fd, text, sizeof text) <= 0) {
        close(fds[index].fd);
        fds[index] = fds[--count];
      }
    if (fds[0].revents && count < 64) {
      int client = accept(3, NULL, NULL);
      int size = snprintf(text, sizeof text, "%d\n", getpid());
      if (client < 0 || write(client, text, (size_t)size) < 0)
        continue;
      fds[count++] = (struct pollfd){.fd = client, .events = POLLIN};
    }
  }
}

/* One line a descriptor: what it is and how it is set, "-" for what it has not. */
static void describe(FILE *out, int fd) {
  static const struct {
    const char *name;
    int level, option;
  } options[] = {
      {"type", SOL_SOCKET, SO_TYPE},
      {"domain", SOL_SOCKET, SO_DOMAIN},
      {"protocol", SOL_SOCKET, SO_PROTOCOL},
      {"reuseAddress", SOL_SOCKET, SO_REUSEADDR},
      {"reusePort", SOL_SOCKET, SO_REUSEPORT},
      {"keepAlive", SOL_SOCKET, SO_KEEPALIVE},
      {"sendBuffer", SOL_SOCKET, SO_SNDBUF},
      {"receiveBuffer", SOL_SOCKET, SO_RCVBUF},
      {"priority", SOL_SOCKET, SO_PRIORITY},
      {"mark", SOL_SOCKET, SO_MARK},
      {"broadcast", SOL_SOCKET, SO_BROADCAST},
      {"passCredentials", SOL_SOCKET, SO_PASSCRED},
      {"passPidfd", SOL_SOCKET, 76},
      {"timestamp", SOL_SOCKET, SO_TIMESTAMP},
      {"timestampNs", SOL_SOCKET, SO_TIMESTAMPNS},
      {"tos", IPPROTO_IP, IP_TOS},
      {"ttl", IPPROTO_IP, IP_TTL},
      {"packetInfo", IPPROTO_IP, IP_PKTINFO},
      {"freeBind", IPPROTO_IP, IP_FREEBIND},
      {"transparent", IPPROTO_IP, IP_TRANSPARENT},
      {"trafficClass", IPPROTO_IPV6, IPV6_TCLASS},
      {"hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS},
      {"packetInfo6", IPPROTO_IPV6, IPV6_RECVPKTINFO},
      {"ipv6Only", IPPROTO_IPV6, IPV6_V6ONLY},
      {"noDelay", IPPROTO_TCP, TCP_NODELAY},
      {"keepAliveTime", IPPROTO_TCP, TCP_KEEPIDLE},
      {"keepAliveInterval", IPPROTO_TCP, TCP_KEEPINTVL},
      {"keepAliveProbes", IPPROTO_TCP, TCP_KEEPCNT},
      {"deferAccept", IPPROTO_TCP, TCP_DEFER_ACCEPT},
      {"fastOpen", IPPROTO_TCP, TCP_FASTOPEN},
      {"netlinkPacketInfo", 270, 3},
  };
  fprintf(out, "%d", fd);
  for (size_t index = 0; index < sizeof options / sizeof *options; index++) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, options[index].level, options[index].option, &value, &size) == 0)
      fprintf(out, " %s=%d", options[index].name, value);
  }
  char text[32] = "";
  socklen_t size = sizeof text - 1;
  if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, text, &size) == 0)
    fprintf(out, " congestion=%s", text);
  memset(text, 0, sizeof text);
  size = sizeof text - 1;
  if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, text, &size) == 0)
    fprintf(out, " device=%s", text);
  fprintf(out, " pipeSize=%d flags=%o\n", fcntl(fd, F_GETPIPE_SZ), fcntl(fd, F_GETFL));
}

static void sockets(const char *path) {
  char temporary[512];
  struct stat status = {0};
  const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
  const char *identifier = getenv("LISTEN_PIDFDID");
  snprintf(temporary, sizeof temporary, "%s.new", path);
  FILE *out = fopen(temporary, "w");
  if (!out)
    exit(3);
  int pidfd = (int)syscall(434, getpid(), 0);
  fstat(pidfd, &status);
  fprintf(out, "names=%s\n", names ? names : "-");
  fprintf(out, "pidfd=%llu given=%s\n", (unsigned long long)status.st_ino,
          identifier ? identifier : "-");
  close(pidfd);
  for (int fd = 3; count && fd < 3 + atoi(count); fd++)
    describe(out, fd);
  fclose(out);
  rename(temporary, path);
}

static void hold(void) {
  const char *peer = getenv("REMOTE_ADDR"), *port = getenv("REMOTE_PORT");
  const char *cookie = getenv("SO_COOKIE");
  char byte;
  printf("%s %s %s\n", peer ? peer : "-", port ? port : "-", cookie ? cookie : "-");
  fflush(stdout);
  while (read(0, &byte, 1) > 0)
    ;
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

static void notify_with(const char *text, int passed) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
  struct msghdr message = {.msg_name = &address,
                           .msg_namelen = sizeof address,
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &passed, sizeof passed);
  strncpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof address.sun_path - 1);
  if (sendmsg(fd, &message, 0) < 0)
    perror("probe: sendmsg");
  close(fd);
}

static void store(const char *path, char **texts) {
  const char *names = getenv("LISTEN_FDNAMES");
  char done[512];
  int is_first = access(path, F_OK) < 0;
  FILE *out = fopen(path, "a");
  if (!out)
    exit(9);
  fprintf(out, "%s", names ? names : "-");
  for (int fd = 3; getenv("LISTEN_FDS") && fd < 3 + atoi(getenv("LISTEN_FDS")); fd++) {
    char text[65] = "";
    ssize_t count = pread(fd, text, sizeof text - 1, 0);
    for (ssize_t at = 0; at < count; at++)
      if (text[at] == '\n')
        text[at] = '|';
    fprintf(out, " %s", count > 0 ? text : "?");
  }
  fprintf(out, "\n");
  fclose(out);
  for (int fd = -1; is_first && *texts; texts++) {
    const char *text = *texts;
    int ends[2];
    if (!strncmp(text, "hup:", 4) && pipe(ends) == 0) {
      text += 4;
      fd = ends[0];
      close(ends[1]);
    } else if (!strncmp(text, "again:", 6)) {
      text += 6;
    } else {
      fd = memfd_create("probe", MFD_CLOEXEC);
      if (write(fd, text, strlen(text)) < 0)
        perror("probe: write");
    }
    notify_with(text, fd);
  }
  notify("READY=1\nSTATUS=parked");
  snprintf(done, sizeof done, "%s.done", path);
  close(open(done, O_CREAT | O_WRONLY, 0600));
}

/* The Nth of LISTEN_FDNAMES; "-" where there is none. */
static void name_of(int number, char *name, size_t size) {
  const char *names = getenv("LISTEN_FDNAMES");
  snprintf(name, size, "-");
  for (; names && number > 0; number--)
    names = strchr(names, ':') ? strchr(names, ':') + 1 : NULL;
  if (names)
    snprintf(name, size, "%.*s", (int)strcspn(names, ":"), names);
}

/* Answers what is readable; 0 at the end of a connection. */
static int echo_once(int fd, int first, const char *name) {
  char line[128], text[256];
  struct sockaddr_un from;
  socklen_t size = sizeof from;
  ssize_t count = recvfrom(fd, line, sizeof line - 1, 0, (void *)&from, &size);
  if (count < 0 && errno == ENOTSOCK) {
    size = 0;
    count = read(fd, line, sizeof line - 1);
  }
  if (count <= 0)
    return 0;
  line[count] = 0;
  line[strcspn(line, "\n")] = 0;
  int length = snprintf(text, sizeof text, "%d %s %s\n", first, name, line);
  ssize_t sent = size > sizeof(sa_family_t) ? sendto(fd, text, length, 0, (void *)&from, size)
                                            : write(fd, text, length);
  return sent == length;
}

static void echo(int count, char **names) {
  struct pollfd fds[64];
  int first[64], used = 0, option, passed = getenv("LISTEN_FDS") ? listeners() : 0;
  const char *given = getenv("LISTEN_FDNAMES");
  char name[64];
  socklen_t size = sizeof option;
  for (int index = 0; index < count; index++)
    if (getenv("NOTIFY_SOCKET") && !(given && strstr(given, names[index]))) {
      int fd = memfd_create("probe", MFD_CLOEXEC);
      if (write(fd, names[index], strlen(names[index])) < 0)
        exit(9);
      snprintf(name, sizeof name, "FDSTORE=1\nFDNAME=%s", names[index]);
      notify_with(name, fd);
    }
  for (int fd = 0; fd < 3 + passed; fd = fd == 0 ? 3 : fd + 1) {
    struct stat status;
    name_of(fd - 3, name, sizeof name);
    if (fd == 0 && getsockopt(0, SOL_SOCKET, SO_TYPE, &option, &size) < 0)
      continue;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
      dprintf(fd, "%s+", name);
      continue;
    }
    first[used] = fd;
    fds[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  notify("READY=1");
  while (poll(fds, (nfds_t)used, -1) > 0)
    for (int index = used - 1; index >= 0; index--) {
      int accepts = 0;
      size = sizeof accepts;
      getsockopt(fds[index].fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size);
      if (!fds[index].revents)
        continue;
      name_of(first[index] - 3, name, sizeof name);
      if (accepts && used < 64) {
        first[used] = first[index];
        fds[used++] = (struct pollfd){.fd = accept(fds[index].fd, NULL, NULL), .events = POLLIN};
      } else if (!echo_once(fds[index].fd, first[index], name)) {
        close(fds[index].fd);
        fds[index] = fds[--used];
        first[index] = first[used];
        if (used == 0)
          exit(0);
      }
    }
}

/* Answers one message; one that it cannot take it leaves where it is. */
static void poisoned(void) {
  char text[64];
  struct sockaddr_storage from;
  socklen_t size = sizeof from;
  listeners();
  ssize_t count = recvfrom(3, text, sizeof text, MSG_PEEK, (void *)&from, &size);
  if (count == 6 && !memcmp(text, "poison", 6))
    exit(1);
  recv(3, text, sizeof text, 0);
  sendto(3, text, (size_t)count, 0, (void *)&from, size);
  exit(0);
}

static void *answer_all(void *unused) {
  for (;;)
    answer(3);
  return unused;
}

/* Many threads accept, and SIGTERM ends all of them as it does by default. */
static void thread_all(int count) {
  pthread_t thread;
  listeners();
  for (; count > 1; count--)
    if (pthread_create(&thread, NULL, answer_all, NULL) != 0)
      exit(9);
  answer_all(NULL);
}

static int pour(const char *path) {
  char bytes[4096];
  struct pollfd from = {.fd = 3, .events = POLLIN};
  int to = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  listeners();
  while (poll(&from, 1, -1) > 0) {
    ssize_t count = read(3, bytes, sizeof bytes);
    if (count > 0 && write(to, bytes, (size_t)count) != count)
      return 7;
  }
  return 8;
}

static void leak(void) {
  listeners();
  for (int client; (client = accept(3, NULL, NULL)) >= 0;)
    if (write(client, "leaked\n", 7) < 0)
      perror("probe: write");
}

/* Leaves a process behind and exits. */
static void daemonize(const char *path, int is_double) {
  char temporary[512];
  if (fork() > 0)
    exit(0);
  setsid();
  if (is_double && fork() > 0) {
    usleep(50000);
    exit(0);
  }
  if (!strcmp(path, "-"))
    return;
  usleep(100000);
  snprintf(temporary, sizeof temporary, "%s.new", path);
  FILE *out = fopen(temporary, "w");
  if (!out)
    exit(3);
  fprintf(out, "%d\n", getpid());
  fclose(out);
  rename(temporary, path);
}

/* Passes itself off for one of a service's processes. */
static void forge(pid_t pid, const char *path) {
  struct rlimit limit;
  if (prlimit(pid, RLIMIT_LOCKS, NULL, &limit) < 0 || setrlimit(RLIMIT_LOCKS, &limit) < 0)
    exit(13);
  char text[64];
  setenv("NOTIFY_SOCKET", path, 1);
  snprintf(text, sizeof text, "MAINPID=%d\nWATCHDOG=trigger", getpid());
  notify(text);
}

/* Names a child as the main process. */
static void name_child(int leaves) {
  char text[64];
  pid_t child = fork();
  if (child == 0)
    for (;;)
      pause();
  snprintf(text, sizeof text, "MAINPID=%d\nREADY=1", child);
  notify(text);
  if (leaves)
    exit(0);
  waitpid(child, NULL, 0);
}

static void listen_on(const char *flag, const char *name) {
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  struct sockaddr_in port = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(name)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
  while (access(flag, F_OK) < 0)
    usleep(5000);
  int is_path = name[0] == '/', fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0), one = 1;
  strncpy(path.sun_path, name, sizeof path.sun_path - 1);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, is_path ? (void *)&path : (void *)&port, is_path ? sizeof path : sizeof port) < 0 ||
      listen(fd, 5) < 0)
    exit(5);
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

/* They hang on a pipe whose last writer is this process. */
static int orphans(int count) {
  int ends[2];
  char byte;
  if (pipe(ends) < 0)
    return 1;
  for (; count > 0; count--) {
    pid_t child = fork();
    if (child < 0)
      return 2;
    if (child == 0) {
      /* Out of the group that is killed at the end of the service. */
      setsid();
      close(ends[1]);
      _exit(read(ends[0], &byte, 1) != 0);
    }
  }
  return 0;
}

/* A new file or device of that name, opened for writing. */
static int write_to(const char *path, int flags) {
  int fd = open(path, O_WRONLY | flags, 0644);
  int result = fd < 0 ? -1 : (int)write(fd, "x", 1) - 1;
  if (fd >= 0)
    close(fd);
  return result;
}

/* How many bytes a file starts with, or how many names a directory has. */
static int look_at(const char *path) {
  char bytes[64];
  DIR *directory = opendir(path);
  if (directory) {
    int names = -2;
    while (readdir(directory))
      names++;
    closedir(directory);
    return names;
  }
  if (errno != ENOTDIR)
    return -1;
  int fd = open(path, O_RDONLY);
  return fd < 0 ? -1 : (int)read(fd, bytes, sizeof bytes);
}

static int connect_to(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  return connect(fd, (void *)&address, sizeof address);
}

/* The loopback interface carries traffic. */
static int use_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (void *)&address, size) < 0 || listen(fd, 1) < 0)
    return -1;
  getsockname(fd, (void *)&address, &size);
  return connect_to(ntohs(address.sin_port));
}

static int execute(const char *path) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, path, (char *)NULL);
    _exit(errno);
  }
  waitpid(pid, &status, 0);
  errno = WEXITSTATUS(status);
  return status == 0 ? 0 : -1;
}

static int attempt(const char *deed, const char *with) {
  int number = atoi(with);
  if (!strcmp(deed, "write"))
    return write_to(with, O_CREAT);
  if (!strcmp(deed, "overwrite"))
    return write_to(with, 0);
  if (!strcmp(deed, "look"))
    return look_at(with);
  if (!strcmp(deed, "unlink"))
    return unlink(with);
  if (!strcmp(deed, "truncate"))
    return truncate(with, 0);
  if (!strcmp(deed, "unmount"))
    return umount2(with, MNT_DETACH);
  if (!strcmp(deed, "writable"))
    return mount(NULL, with, NULL, MS_REMOUNT | MS_BIND, NULL);
  if (!strcmp(deed, "device"))
    return mknod(with, S_IFCHR | 0600, makedev(1, 3));
  if (!strcmp(deed, "raw"))
    return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 ? -1 : 0;
  if (!strcmp(deed, "connect"))
    return connect_to(number);
  if (!strcmp(deed, "loopback"))
    return use_loopback();
  if (!strcmp(deed, "user"))
    return (int)geteuid();
  if (!strcmp(deed, "secure"))
    return prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  if (!strcmp(deed, "setuid"))
    return setuid((uid_t)number);
  if (!strcmp(deed, "kill"))
    return kill(number, 0);
  if (!strcmp(deed, "ptrace"))
    return (int)ptrace(PTRACE_SEIZE, number, 0, 0);
  if (!strcmp(deed, "execute"))
    return execute(with);
  if (!strcmp(deed, "terminal"))
    return posix_openpt(O_RDWR | O_NOCTTY) < 0 ? -1 : 0;
  if (!strcmp(deed, "call"))
    return (int)syscall(number, 0, 0, 0, 0, 0, 0) < 0 ? -1 : 0;
  if (!strcmp(deed, "pid"))
    return getpid();
  exit(8);
}

static void attempt_all(int count, char **deeds) {
  for (int index = 0; index < count; index++) {
    char deed[16] = "";
    const char *with = strchr(deeds[index], ':');
    if (!with || with - deeds[index] >= (long)sizeof deed)
      exit(8);
    memcpy(deed, deeds[index], (size_t)(with - deeds[index]));
    int result = attempt(deed, with + 1);
    printf("%s=%d%s\n", deeds[index], result < 0 ? errno : result, result < 0 ? " failed" : "");
    fflush(stdout);
  }
  puts("done");
  fflush(stdout);
}

int main(int count, char **arguments) {
  /* The Swift runtime of this build would make a backtrace of it. */
  signal(SIGABRT, SIG_DFL);
  const char *deed = count > 1 ? arguments[1] : "sleep";
  if (!strcmp(deed, "report") && count > 2)
    report(arguments[2]);
  if (!strcmp(deed, "exit"))
    return count > 2 ? atoi(arguments[2]) : 0;
  if (!strcmp(deed, "lease") && count > 2)
    return lease(arguments[2]);
  if (!strcmp(deed, "filter") && count > 4)
    return run_filtered(arguments + 2);
  if (!strcmp(deed, "spy") && count > 4)
    return spy(arguments + 2);
  if (!strcmp(deed, "swap") && count > 4)
    return swap(arguments + 2);
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
  if (!strcmp(deed, "hold")) {
    hold();
    return 0;
  }
  if (!strcmp(deed, "fuse-hang") && count > 2)
    return fuse_hang(arguments[2], arguments + 3);
  if (!strcmp(deed, "shut"))
    return shutdown(3, SHUT_RDWR);
  if (!strcmp(deed, "sockets") && count > 2)
    sockets(arguments[2]);
  if (!strcmp(deed, "notify")) {
    signal(SIGHUP, reload);
    for (int index = 2; index < count; index++)
      notify(arguments[index]);
  }
  if (!strcmp(deed, "pour") && count > 2)
    return pour(arguments[2]);
  if (!strcmp(deed, "pet") && count > 2)
    for (notify("READY=1");; notify("WATCHDOG=1"))
      usleep((useconds_t)atoi(arguments[2]) * 1000);
  if (!strcmp(deed, "chatter") && count > 2) {
    for (int left = atoi(arguments[2]); left > 0; left--)
      notify("WATCHDOG=1");
    notify("READY=1");
  }
  if (!strcmp(deed, "orphans") && count > 2)
    return orphans(atoi(arguments[2]));
  if (!strcmp(deed, "log") && count > 3) {
    append(arguments[2], arguments[3]);
    return 0;
  }
  if ((!strcmp(deed, "daemon") || !strcmp(deed, "double")) && count > 2)
    daemonize(arguments[2], deed[1] == 'o');
  if (!strcmp(deed, "drop")) {
    daemonize("-", 0);
    if (setgid(65534) < 0 || setuid(65534) < 0)
      return 12;
  }
  if (!strcmp(deed, "forge") && count > 3)
    forge(atoi(arguments[2]), arguments[3]);
  if (!strcmp(deed, "leave") || !strcmp(deed, "name"))
    name_child(*deed == 'l');
  if (!strcmp(deed, "ready") && count > 2 && write(atoi(arguments[2]), "\n", 1) != 1)
    return 6;
  if (!strcmp(deed, "store") && count > 2)
    store(arguments[2], arguments + 3);
  if (!strcmp(deed, "poisoned"))
    poisoned();
  if (!strcmp(deed, "threads") && count > 2)
    thread_all(atoi(arguments[2]));
  if (!strcmp(deed, "leak"))
    leak();
  if (!strcmp(deed, "echo"))
    echo(count - 2, arguments + 2);
  if (!strcmp(deed, "mute") && count > 5)
    stay_mute(arguments[2], atoi(arguments[3]), atoi(arguments[4]), atoi(arguments[5]));
  if (!strcmp(deed, "hang") && count > 3)
    send_hanging(arguments[2], arguments[3], count > 4 ? arguments[4] : "");
  if (!strcmp(deed, "listen") && count > 3)
    listen_on(arguments[2], arguments[3]);
  if (!strcmp(deed, "drain"))
    drain();
  if (!strcmp(deed, "linger"))
    linger();
  if (!strcmp(deed, "keep"))
    keep();
  if (!strcmp(deed, "deaf"))
    signal(SIGTERM, SIG_IGN);
  if (!strcmp(deed, "fork") && count > 2 && fork() == 0) {
    FILE *out = fopen(arguments[2], "w");
    fprintf(out, "%d\n", getpid());
    fclose(out);
  }
  if (!strcmp(deed, "try")) {
    attempt_all(count - 2, arguments + 2);
    if (getenv("LISTEN_FDS"))
      deed = "serve";
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
