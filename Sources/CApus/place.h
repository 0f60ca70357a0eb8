/* Nodes of the file system in a directory that was walked to. */
#ifndef CAPUS_PLACE_H
#define CAPUS_PLACE_H

#include <stdint.h>
#include <sys/un.h>

#include "walk.h"

/* Makes way for a node of a type (S_IFSOCK, S_IFIFO, S_IFLNK): removes a stale one. -EADDRINUSE for
 * a live one, -ELOOP for a symbolic link, -EISDIR for a directory, -EEXIST for any other node. */
int capus_clear(const struct walk *walk, const char *path, uint32_t type);
/* The address of a socket at the walk's end: its declared path, or, where others may have that lead
 * elsewhere, one by the directory's descriptor. Its size, or -errno. */
int capus_place_address(const struct walk *walk, const char *path, struct sockaddr_un *address);
/* Gives a node its owner and mode; -1 leaves an owner as it is. -EEXIST when it is not of that type
 * any more. */
int capus_own(int fd, uint32_t type, uint32_t mode, int32_t user, int32_t group);
/* Puts a file with those bytes at the walk's end, in the place of one that may be there, and never
 * half written, whenever the power fails. 0 or -errno. */
long capus_write_anew(const struct walk *walk, const char *bytes, size_t count, int mode);
/* Opens, with O_PATH, the node that a unix socket is bound to; -errno where the kernel does not say
 * it (before Linux 4.12, or without CAP_NET_ADMIN). */
int capus_bound_node(int fd);

#endif
