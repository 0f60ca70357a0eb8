/* The control socket: SOCK_SEQPACKET, so that one read is one frame. Every function returns -errno
 * when it fails; none blocks. */
#ifndef CAPUS_CONTROL_H
#define CAPUS_CONTROL_H

#include <stddef.h>
#include <stdint.h>

/* Listens at a path, with a node of that mode and, unless it is -1, that group; where chown(2) is
 * refused, with the group of its maker: `refusal` is the -errno then. A socket nobody listens on is
 * replaced, anything else refused. Makes the last directory of the path. */
int32_t capus_control_listen(const char *path, uint32_t mode, int32_t group, int32_t *refusal);

/* Removes a node: a socket's, or an empty folder; relative to `folder`, unless that is -1. */
void capus_remove_own(int32_t folder, const char *path, int32_t is_folder);
/* Tells one node from another that stands there later; 0 where there is none. */
uint64_t capus_node_identity(int32_t folder, const char *path);

struct capus_credentials {
  int32_t pid;
  uint32_t uid;
  uint32_t gid;
  int32_t in_group; /* 1 when `group` is among the peer's groups */
};
int32_t capus_control_accept(int32_t fd, int64_t group, struct capus_credentials *peer);
/* Closes a client; where descriptors can be sent to it (before Linux 6.16), without waiting for
 * what may be in its queue. */
void capus_control_close(int32_t client);
/* One frame: its length, which is more than `capacity` when it did not fit; 0 when the peer is
 * gone. Descriptors that came with it are put away. */
int64_t capus_receive(int32_t fd, uint8_t *bytes, size_t capacity);
/* Ends a connection without closing it: the other end reads what it was sent, then the end. */
void capus_shut_down(int32_t fd);
int64_t capus_send(int32_t fd, const uint8_t *bytes, size_t count);

#endif
