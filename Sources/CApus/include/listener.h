/* Sockets and nodes of listeners. Every function returns -errno when it fails.
   A name is a run of bytes without a NUL; 255 bytes at most, as in the kernel. */
#ifndef CAPUS_LISTENER_H
#define CAPUS_LISTENER_H
#include <stddef.h>
#include <stdint.h>

enum capus_family { CAPUS_UNIX, CAPUS_INET4, CAPUS_INET6 };
enum capus_socket_kind { CAPUS_STREAM, CAPUS_DATAGRAM, CAPUS_SEQPACKET };
enum capus_option {
  CAPUS_REUSE_ADDRESS,
  CAPUS_REUSE_PORT,
  CAPUS_BROADCAST,
  CAPUS_KEEP_ALIVE,
  CAPUS_PASS_CREDENTIALS,
  CAPUS_NO_DELAY,
  CAPUS_FREE_BIND4,
  CAPUS_FREE_BIND6,
  CAPUS_TRANSPARENT4,
  CAPUS_TRANSPARENT6,
  CAPUS_IPV6_ONLY,
};

/* socket(2), close-on-exec. */
int32_t capus_socket(enum capus_family family, enum capus_socket_kind kind, int32_t nonblocking);
int32_t capus_socket_option(int32_t fd, enum capus_option option, int32_t value);
/* SO_BINDTODEVICE. */
int32_t capus_socket_device(int32_t fd, const uint8_t *name, size_t count);
/* Index of a network interface. */
int32_t capus_interface_index(int32_t fd, const uint8_t *name, size_t count);

/* An address in host byte order. */
int32_t capus_bind_inet4(int32_t fd, uint32_t address, uint16_t port);
int32_t capus_bind_inet6(int32_t fd, uint64_t high, uint64_t low, uint16_t port, uint32_t scope);
int32_t capus_bind_abstract(int32_t fd, const uint8_t *name, size_t count);
/* Binds to a path, with a node of exactly that mode and, where the kernel lets us, that group (-1:
   ours). A path longer than sun_path goes through /proc/self/fd and the directory. */
int32_t capus_bind_path(int32_t fd, int32_t directory, const uint8_t *path, size_t count,
                        size_t name_start, uint32_t mode, int32_t group);
/* connect(2) to a path without waiting. */
int32_t capus_connect_path(int32_t fd, int32_t directory, const uint8_t *path, size_t count,
                           size_t name_start);
int32_t capus_listen(int32_t fd, int32_t backlog);

enum capus_node_kind {
  CAPUS_NODE_SOCKET,
  CAPUS_NODE_LINK,
  CAPUS_NODE_DIRECTORY,
  CAPUS_NODE_OTHER,
};
/* The root directory, as an O_PATH descriptor. */
int32_t capus_open_root(void);
/* A directory below `directory`, as an O_PATH descriptor; ELOOP when it is a symbolic link. */
int32_t capus_open_directory(int32_t directory, const uint8_t *name, size_t count);
/* mkdirat(2) with exactly that mode. */
int32_t capus_make_directory(int32_t directory, const uint8_t *name, size_t count, uint32_t mode);
/* What stands there (enum capus_node_kind), without following a link. */
int32_t capus_node_kind(int32_t directory, const uint8_t *name, size_t count);
int32_t capus_remove_node(int32_t directory, const uint8_t *name, size_t count);
/* Gives a socket's node its owner; -1 leaves one as it is. EEXIST when it is no socket any more. */
int32_t capus_own_node(int32_t directory, const uint8_t *name, size_t count, int32_t user,
                       int32_t group);
#endif
