/* The guest side of board/bench, one program under four names.
 *
 *   init      PID 1 at first: prepares the board, forks the observer, becomes the init under test
 *   floor     the least an init can do: vfork and exec, or bind and exec on the first connection
 *   service   stamps the time of its main() into the shared state, then sleeps or echoes
 *
 * Kernel command line: bench.mode=services|sockets bench.count=N bench.trace=1.
 * The observer prints `BENCH key=value` lines and switches the machine off.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 4096, FIRST_PORT = 20001 };

struct state {
  int64_t start;
  uint32_t count, target, done;
  int64_t times[LIMIT];
  int32_t pids[LIMIT];
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static struct state *map(void) {
  int fd = open("/run/bench", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || ftruncate(fd, sizeof(struct state)))
    _exit(9);
  void *memory = mmap(0, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory;
}

static void stamp(struct state *state, int64_t time) {
  uint32_t index = __atomic_fetch_add(&state->count, 1, __ATOMIC_ACQ_REL);
  state->times[index % LIMIT] = time;
  state->pids[index % LIMIT] = getpid();
  if (index + 1 == state->target) {
    __atomic_store_n(&state->done, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &state->done, FUTEX_WAKE, 1, 0, 0, 0);
  }
}

static int read_file(const char *path, char *buffer, int size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0, more;
  while (fd >= 0 && count < size - 1 && (more = read(fd, buffer + count, size - 1 - count)) > 0)
    count += more;
  if (fd >= 0)
    close(fd);
  buffer[count] = 0;
  return count;
}

static long field(const char *text, const char *key) {
  const char *found = strstr(text, key);
  return found ? atol(found + strlen(key) + strspn(found + strlen(key), ": \t")) : -1;
}

static long option(const char *key, long otherwise) {
  static char line[4096];
  read_file("/proc/cmdline", line, sizeof line);
  char *found = strstr(line, key);
  return found ? atol(found + strlen(key)) : otherwise;
}

static int is_sockets(void) {
  static char line[4096];
  read_file("/proc/cmdline", line, sizeof line);
  return strstr(line, "bench.mode=sockets") != 0;
}

static void rest(long milliseconds) {
  nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, 0);
}

/* The service. */
_Noreturn static void service(int count, char **arguments) {
  int64_t time = now();
  int listener = getenv("LISTEN_FDS") ? 3 : count > 2 && !strcmp(arguments[2], "-w") ? 0 : -1;
  stamp(map(), time);
  for (char byte; listener >= 0;) {
    int client = accept4(listener, 0, 0, SOCK_CLOEXEC);
    if (client >= 0 && read(client, &byte, 1) == 1 && write(client, &byte, 1) == 1)
      close(client);
  }
  for (;;)
    pause();
}

/* The floor. */
static pid_t pids[LIMIT];

static void start(int index, int fd) {
  char name[16];
  char *arguments[] = {"/bench/service", name, fd >= 0 ? "-w" : 0, 0};
  snprintf(name, sizeof name, "%d", index);
  if ((pids[index] = vfork()) == 0) {
    if (fd >= 0)
      dup2(fd, 0);
    execv(arguments[0], arguments);
    _exit(127);
  }
}

_Noreturn static void floor_init(char **arguments) {
  int count = atoi(arguments[2]), status, fds[LIMIT];
  if (strcmp(arguments[1], "sockets")) {
    for (int index = 0; index < count; index++)
      start(index, -1);
    for (;;) {
      pid_t pid = wait(&status);
      for (int index = 0; index < count; index++)
        if (pids[index] == pid) {
          start(index, -1);
          break;
        }
    }
  }
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int index = 0; index < count; index++) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(FIRST_PORT + index),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = index};
    fds[index] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(fds[index], (void *)&address, sizeof address);
    listen(fds[index], 128);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fds[index], &event);
  }
  for (struct epoll_event event;;)
    if (epoll_wait(epoll, &event, 1, -1) == 1)
      start(event.data.u32, fds[event.data.u32]);
}

/* The observer. */
static int compare(const void *left, const void *right) {
  int64_t first = *(const int64_t *)left, second = *(const int64_t *)right;
  return first < second ? -1 : first > second;
}

static void say_median(const char *key, int64_t *values, int count) {
  qsort(values, count, sizeof *values, compare);
  printf("BENCH %s=%lld\n", key, count ? (long long)values[count / 2] : -1LL);
}

static void wait_done(struct state *state) {
  for (int tries = 0; tries < 60 && !__atomic_load_n(&state->done, __ATOMIC_ACQUIRE); tries++)
    syscall(SYS_futex, &state->done, FUTEX_WAIT, 0, &(struct timespec){1, 0}, 0, 0);
}

static void trigger(const char *text) {
  int fd = open("/sys/kernel/tracing/events/raw_syscalls/sys_enter/trigger", O_WRONLY | O_CLOEXEC);
  if (fd >= 0 && write(fd, text, strlen(text)) < 0)
    printf("BENCH note=no-trace\n");
  if (fd >= 0)
    close(fd);
}

static void say_calls(void) {
  static char text[262144];
  long total = 0, own = 0;
  trigger("hist:keys=common_pid:pause");
  read_file("/sys/kernel/tracing/events/raw_syscalls/sys_enter/hist", text, sizeof text);
  for (char *spot = text; (spot = strstr(spot, "common_pid:"));) {
    long pid = atol(spot += 11);
    if (!(spot = strstr(spot, "hitcount:")))
      break;
    if (pid == getpid())
      own = atol(spot + 9);
    total += atol(spot + 9);
  }
  printf("BENCH calls=%ld\n", total - own);
}

static void activation(int count) {
  int64_t values[LIMIT];
  int good = 0;
  for (int index = 0; index < count; index++) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(FIRST_PORT + index),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {5, 0};
    char byte = 'x';
    int64_t time = now();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (void *)&address, sizeof address) == 0 && write(fd, &byte, 1) == 1 &&
        read(fd, &byte, 1) == 1)
      values[good++] = now() - time;
    close(fd);
    rest(20);
  }
  printf("BENCH activated=%d\n", good);
  say_median("activation", values, good);
}

static void respawn(struct state *state) {
  int64_t values[8];
  int good = 0;
  for (int index = 0; index < 8; index++) {
    uint32_t count = state->count;
    state->done = 0;
    state->target = count + 1;
    int64_t time = now();
    kill(state->pids[(count - 1) % LIMIT], SIGKILL);
    wait_done(state);
    if (state->done)
      values[good++] = state->times[count % LIMIT] - time;
    rest(50);
  }
  say_median("respawn", values, good);
}

static void observe(struct state *state) {
  long count = option("bench.count=", 100);
  char text[8192];
  setsid();
  if (is_sockets()) {
    /* Runs only while the init under test has nothing to do, and so sees the moment it is done. */
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    int fd = open("/proc/net/sockstat", O_RDONLY | O_CLOEXEC);
    int64_t limit = now() + 60000000000LL;
    do {
      ssize_t size = pread(fd, text, sizeof text - 1, 0);
      text[size > 0 ? size : 0] = 0;
    } while (field(text, "TCP: inuse") < count && now() < limit);
    printf("BENCH bound=%lld\n", (long long)(now() - state->start));
    close(fd);
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
  } else {
    wait_done(state);
    printf("BENCH boot=%lld\n", (long long)(state->times[count - 1] - state->start));
  }
  if (option("bench.trace=", 0)) {
    rest(500);
    say_calls();
  } else {
    rest(500);
    read_file("/proc/1/smaps_rollup", text, sizeof text);
    printf("BENCH anonymous=%ld\n", field(text, "\nAnonymous"));
    if (is_sockets())
      activation(count);
    else
      respawn(state);
    read_file("/proc/1/status", text, sizeof text);
    long before = field(text, "\nvoluntary_ctxt_switches");
    rest(5000);
    read_file("/proc/1/status", text, sizeof text);
    printf("BENCH wakeups=%ld\n", field(text, "\nvoluntary_ctxt_switches") - before);
  }
  printf("BENCH end=1\n");
  fflush(stdout);
  rest(50);
  reboot(RB_AUTOBOOT);
}

static int prepare(void) {
  static char text[4096];
  char *arguments[32];
  int count = 0, fd;
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, 0);
  mkdir("/sys", 0755);
  mount("sysfs", "/sys", "sysfs", 0, 0);
  mkdir("/dev", 0755);
  mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
  mkdir("/run", 0755);
  mount("tmpfs", "/run", "tmpfs", 0, "mode=755");
  mkdir("/dev/pts", 0755);
  mkdir("/dev/shm", 01777);
  mount("devpts", "/dev/pts", "devpts", 0, 0);
  mount("tmpfs", "/dev/shm", "tmpfs", 0, 0);
  mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, 0);
  fd = open("/dev/console", O_RDWR);
  for (int stream = 0; stream < 3 && fd >= 0; stream++)
    dup2(fd, stream);
  setvbuf(stdout, 0, _IOLBF, 0);
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  ioctl(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), SIOCSIFFLAGS, &request);
  struct state *state = map();
  if (!is_sockets())
    state->target = option("bench.count=", 100);
  if (option("bench.trace=", 0)) {
    mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, 0);
    trigger("hist:keys=common_pid:size=4096");
  }
  read_file("/bench/argv", text, sizeof text);
  for (char *word = strtok(text, "\n"); word && count < 31; word = strtok(0, "\n"))
    arguments[count++] = word;
  arguments[count] = 0;
  if (fork() == 0)
    observe(state);
  rest(50);
  clearenv();
  setenv("PATH", "/bin", 1);
  state->start = now();
  execv(arguments[0], arguments);
  printf("BENCH note=cannot-exec\nBENCH end=1\n");
  rest(50);
  return reboot(RB_AUTOBOOT);
}

int main(int count, char **arguments) {
  const char *name = strrchr(arguments[0], '/');
  name = name ? name + 1 : arguments[0];
  if (!strcmp(name, "service"))
    service(count, arguments);
  if (!strcmp(name, "floor"))
    floor_init(arguments);
  return prepare();
}
