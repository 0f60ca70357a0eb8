/* What the operator's commands need of the system: files and the control socket. */
#ifndef CAPUS_CLIENT_H
#define CAPUS_CLIENT_H
#include <stddef.h>
#include <stdint.h>

/* Each returns -errno when it fails. Paths need not end in a NUL; one with a NUL inside is refused.
 */

/* Who can change a file. */
struct capus_owner {
  uint32_t user, group, mode;
};

/* Opens a regular file for reading and says whose it is; -EBADF for anything else, which is not
   opened, so that nothing waits for a FIFO's writer or a terminal's line, and no device notices. */
int capus_open_regular(const uint8_t *path, size_t count, struct capus_owner *owner);
/* Says whose the file or folder at a path is. */
int capus_owner(const uint8_t *path, size_t count, struct capus_owner *owner);
/* The same of a symbolic link itself. */
int capus_owner_of_link(const uint8_t *path, size_t count, struct capus_owner *owner);
/* Writes where a symbolic link leads; how many bytes that is. */
int64_t capus_read_link(const uint8_t *path, size_t count, uint8_t *target, size_t capacity);
/* Reads a part of a file; fewer bytes where it ends. */
int64_t capus_read_at(int fd, uint64_t offset, uint8_t *bytes, size_t count);
/* The caller's user and group, as the kernel checks them. */
void capus_own_identity(uint32_t *user, uint32_t *group);
/* Writes everything, in as many calls as it takes. */
int capus_client_write(int fd, const uint8_t *bytes, uint32_t count);

/* Writes the names of a folder's `*.json` that are not hidden, in byte order, each followed by a
   NUL; how many bytes that is, or -ENOBUFS if they do not fit. */
int64_t capus_drop_ins(const uint8_t *folder, size_t count, uint8_t *names, size_t capacity);

/* Connects to a SOCK_SEQPACKET listener and gives up after `timeout_ms`. */
int capus_client_connect(const uint8_t *path, uint32_t count, uint32_t timeout_ms);
/* Sends one frame. */
int capus_client_send(int fd, const uint8_t *frame, uint32_t count);
/* Receives one frame, waiting `timeout_ms` for it, for ever when that is negative; 0 when the other
   side is gone, -ETIMEDOUT, -EMSGSIZE when it is longer than `capacity`. */
int capus_client_receive(int fd, uint8_t *frame, uint32_t capacity, int timeout_ms);

/* Waits for so long. */
void capus_client_pause(int32_t milliseconds);

/* The commit that this program was built from, with -dirty when something had changed since. */
const char *_Nonnull capus_commit(void);

/* 1 for a terminal. */
int capus_client_is_terminal(int fd);
/* The columns of a terminal; 0 when it does not tell. */
int capus_client_columns(int fd);
#endif
