#include "control.h"

#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "closer.h"
#include "raw.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
/* Linux 6.16. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
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

static int new_socket(void) {
  return (int)raw3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Removes a socket that refuses connections; -EADDRINUSE for one that does not. */
static int remove_stale(const struct sockaddr_un *address) {
  struct raw_status node;
  int result = raw_stat(AT_FDCWD, address->sun_path, AT_SYMLINK_NOFOLLOW, &node);
  if (result < 0)
    return result == -ENOENT ? 0 : result;
  if (!S_ISSOCK(node.mode))
    return -EEXIST;
  int probe = new_socket();
  if (probe < 0)
    return probe;
  result = (int)raw3(SYS_connect, probe, address, sizeof *address);
  raw1(SYS_close, probe);
  if (result != -ECONNREFUSED)
    return -EADDRINUSE;
  return (int)raw3(SYS_unlinkat, AT_FDCWD, address->sun_path, 0);
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
  raw3(SYS_mkdirat, AT_FDCWD, parent, 0755);
}

static int bind_node(int fd, const struct sockaddr_un *address, uint32_t mode, int32_t group,
                     int32_t *refusal) {
  long before = raw1(SYS_umask, 0777 & ~mode);
  long result = raw3(SYS_bind, fd, address, sizeof *address);
  raw1(SYS_umask, before);
  if (result < 0)
    return (int)result;
  if (group != -1)
    *refusal =
        (int32_t)raw5(SYS_fchownat, AT_FDCWD, address->sun_path, -1, group, AT_SYMLINK_NOFOLLOW);
  return (int)raw2(SYS_listen, fd, BACKLOG);
}

void capus_remove_own(int32_t folder, const char *path, int32_t is_folder) {
  raw3(SYS_unlinkat, folder < 0 ? AT_FDCWD : folder, path, is_folder ? AT_REMOVEDIR : 0);
}

uint64_t capus_node_identity(int32_t folder, const char *path) {
  struct raw_status status;
  if (raw_stat(folder < 0 ? AT_FDCWD : folder, path, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
               &status) < 0)
    return 0;
  const uint64_t device = (uint64_t)status.device[0] << 32 | status.device[1];
  return (status.inode ^ device * 0x9E3779B97F4A7C15) | 1;
}

int32_t capus_control_listen(const char *path, uint32_t mode, int32_t group, int32_t *refusal) {
  struct sockaddr_un address;
  int result = fill(&address, path);
  if (result < 0)
    return result;
  make_parent(path);
  result = remove_stale(&address);
  if (result < 0)
    return result;
  int fd = new_socket();
  if (fd < 0)
    return fd;
  /* Clients inherit it: who sends a descriptor is told EPERM. */
  const int none = 0;
  raw5(SYS_setsockopt, fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof none);
  result = bind_node(fd, &address, mode, group, refusal);
  if (result < 0) {
    raw1(SYS_close, fd);
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
  if (raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
    return 0;
  for (size_t index = 0; index < size / sizeof *groups; index++)
    if ((int64_t)groups[index] == group)
      return 1;
  return 0;
}

void capus_control_close(int32_t client) {
  int takes = 1;
  socklen_t size = sizeof takes;
  /* Where none can be sent, no descriptor of others waits in its queue. */
  if (raw5(SYS_getsockopt, client, SOL_SOCKET, SO_PASSRIGHTS, &takes, &size) == 0 && takes == 0)
    raw1(SYS_close, client);
  else
    capus_put_away(client);
}

int32_t capus_control_accept(int32_t fd, int64_t group, struct capus_credentials *peer) {
  int client = (int)raw4(SYS_accept4, fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0)
    return client;
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  int failure = (int)raw5(SYS_getsockopt, client, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  if (failure < 0) {
    capus_control_close(client);
    return failure;
  }
  peer->pid = credentials.pid;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  peer->in_group = is_in_group(client, credentials.gid, group);
  return client;
}

int64_t capus_receive(int32_t fd, uint8_t *bytes, size_t capacity) {
  return capus_receive_only(fd, bytes, capacity, MSG_DONTWAIT | MSG_TRUNC);
}

void capus_shut_down(int32_t fd) {
  raw2(SYS_shutdown, fd, SHUT_RDWR);
}

int64_t capus_send(int32_t fd, const uint8_t *bytes, size_t count) {
  return raw6(SYS_sendto, fd, (long)bytes, (long)count, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}
