#include "control.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

enum { GROUPS_AT_MOST = 256, BACKLOG = 64 };

static int fill(struct sockaddr_un *address, const char *path) {
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof address->sun_path)
    return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length);
  return 0;
}

/* Removes a socket that refuses connections; -EADDRINUSE for one that does not. */
static int remove_stale(const struct sockaddr_un *address) {
  struct stat node;
  if (lstat(address->sun_path, &node) < 0)
    return errno == ENOENT ? 0 : -errno;
  if (!S_ISSOCK(node.st_mode))
    return -EEXIST;
  int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0)
    return -errno;
  int result = connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
  close(probe);
  if (result != -ECONNREFUSED)
    return -EADDRINUSE;
  return unlink(address->sun_path) < 0 ? -errno : 0;
}

static void make_parent(const char *path) {
  char parent[sizeof((struct sockaddr_un *)0)->sun_path];
  size_t length = strlen(path);
  while (length > 0 && path[length] != '/')
    length--;
  if (length == 0)
    return;
  memcpy(parent, path, length);
  parent[length] = 0;
  mkdir(parent, 0755);
}

static int bind_node(int fd, const struct sockaddr_un *address, uint32_t mode, int32_t group) {
  mode_t before = umask(0777 & ~mode);
  int result = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
  umask(before);
  if (result == 0 && group != -1 && lchown(address->sun_path, (uid_t)-1, (gid_t)group) < 0)
    result = -errno;
  if (result == 0 && listen(fd, BACKLOG) < 0)
    result = -errno;
  return result;
}

int32_t capus_control_listen(const char *path, uint32_t mode, int32_t group) {
  struct sockaddr_un address;
  int result = fill(&address, path);
  if (result < 0)
    return result;
  make_parent(path);
  result = remove_stale(&address);
  if (result < 0)
    return result;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  result = bind_node(fd, &address, mode, group);
  if (result < 0) {
    close(fd);
    return result;
  }
  return fd;
}

static int is_in_group(int fd, uint32_t gid, int64_t group) {
  gid_t groups[GROUPS_AT_MOST];
  socklen_t size = sizeof groups;
  if (group < 0)
    return 0;
  if ((int64_t)gid == group)
    return 1;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
    return 0;
  for (size_t index = 0; index < size / sizeof *groups; index++)
    if ((int64_t)groups[index] == group)
      return 1;
  return 0;
}

int32_t capus_control_accept(int32_t fd, int64_t group, struct capus_credentials *peer) {
  int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0)
    return -errno;
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
    int error = errno;
    close(client);
    return -error;
  }
  peer->pid = credentials.pid;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  peer->in_group = is_in_group(client, credentials.gid, group);
  return client;
}

int64_t capus_receive(int32_t fd, uint8_t *bytes, size_t capacity) {
  ssize_t count = recv(fd, bytes, capacity, MSG_DONTWAIT | MSG_TRUNC);
  return count < 0 ? -errno : count;
}

int64_t capus_send(int32_t fd, const uint8_t *bytes, size_t count) {
  ssize_t sent = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

int64_t capus_queue_length(int32_t fd) {
  struct tcp_info information;
  socklen_t size = sizeof information;
  memset(&information, 0, sizeof information);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &size) < 0)
    return -errno;
  return information.tcpi_unacked;
}
