/* Sends a descriptor whose close(2) waits through one of apus's doors. */
#define _GNU_SOURCE
#include "hang.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A TCP socket that lingers for a minute, with data that nobody takes. */
static int lingering(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct linger linger = {1, 60};
  socklen_t size = sizeof address;
  char bytes[4096] = {0};
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (void *)&address, size) < 0 || listen(listener, 1) < 0 ||
      getsockname(listener, (void *)&address, &size) < 0 ||
      connect(client, (void *)&address, size) < 0 || accept(listener, NULL, NULL) < 0)
    exit(7);
  fcntl(client, F_SETFL, O_NONBLOCK);
  while (write(client, bytes, sizeof bytes) > 0) {
  }
  setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  return client;
}

static int dial(const char *path, int type) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type, 0);
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (connect(fd, (void *)&address, sizeof address) < 0)
    exit(6);
  return fd;
}

static int pass(int to, const char *text, int passed) {
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &passed, sizeof passed);
  return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void stay_mute(const char *path, int count, int uid, int gid) {
  if (setgroups(0, NULL) < 0 || setgid((gid_t)gid) < 0 || setuid((uid_t)uid) < 0)
    exit(7);
  for (; count > 0; count--)
    dial(path, SOCK_SEQPACKET);
  puts("sent");
  fflush(stdout);
}

static void wake(int number) {
  (void)number;
}

/* Closes the probe's own copy: usually not the last one, else not for longer than a moment. */
static void leave(int fd) {
  struct sigaction action = {.sa_handler = wake};
  struct itimerval moment = {.it_value = {.tv_usec = 200000}}, none = {0};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &moment, NULL);
  close(fd);
  setitimer(ITIMER_REAL, &none, NULL);
}

void send_hanging(const char *what, const char *door, const char *path) {
  int passed = strcmp(what, "linger") ? open(what, O_RDWR) : lingering();
  int is_notify = strcmp(door, "control") && strcmp(door, "client");
  int to =
      dial(is_notify ? getenv("NOTIFY_SOCKET") : path, is_notify                  ? SOCK_DGRAM
                                                       : !strcmp(door, "control") ? SOCK_SEQPACKET
                                                                                  : SOCK_STREAM);
  if (passed < 0)
    exit(5);
  int failure = pass(
      to, is_notify && strcmp(door, "notify") ? "FDSTORE=1\nFDNAME=hang" : "STATUS=hang", passed);
  /* Where it was refused this would wait itself, and so would it for a file. */
  if (failure == 0 && !strcmp(what, "linger"))
    leave(passed);
  if (!strcmp(door, "store"))
    send(to, "FDSTOREREMOVE=1\nFDNAME=hang", 27, 0);
  if (is_notify)
    send(to, "READY=1", 7, 0);
  else
    close(to);
  puts("sent");
  fflush(stdout);
}
