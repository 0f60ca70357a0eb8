/* Nodes of the file system, reached one component at a time and never through a symbolic link, so
 * nobody who can write to a directory on the way decides where a node ends up (CVE-2018-6954 and
 * its kin). */
#ifndef CAPUS_PLACE_H
#define CAPUS_PLACE_H

#include <stdint.h>

/* Opens the directory of an absolute path, an O_PATH descriptor, making directories that are
 * missing with exactly that mode. `*name` becomes the last component. ELOOP for a symbolic link on
 * the way, ENOTDIR for another kind of node, EINVAL for a path that is relative, holds `.` or `..`,
 * or ends in a slash. */
int capus_walk(const char *path, uint32_t directory_mode, const char **name);
/* Makes way for a node of a type (S_IFSOCK, S_IFIFO, S_IFLNK): removes a stale one. EADDRINUSE for
 * a live one, ELOOP for a symbolic link, EISDIR for a directory, EEXIST for any other node. */
int capus_clear(int directory, const char *name, const char *path, uint32_t type);
/* Gives a node its owner; -1 leaves one as it is. EEXIST when it is not of that type any more. */
int capus_own(int fd, uint32_t type, int32_t user, int32_t group);

#endif
