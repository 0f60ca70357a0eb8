/* What the operator's commands need of the system: files, the control socket, the clocks. */
#ifndef CAPUS_CLIENT_H
#define CAPUS_CLIENT_H
#include <stdint.h>

/* Each returns -errno when it fails. Paths need not end in a NUL; one with a NUL inside is refused.
 */

/* Opens a regular file, character device or pipe for reading. */
int capus_client_open(const uint8_t *path, uint32_t count);
/* Reads at most `capacity` bytes; 0 at the end. */
int64_t capus_client_read(int fd, uint8_t *bytes, uint32_t capacity);
/* Writes everything, in as many calls as it takes. */
int capus_client_write(int fd, const uint8_t *bytes, uint32_t count);
void capus_client_close(int fd);

/* Writes the names of a directory's entries, each followed by a NUL; -ENOBUFS if they do not fit.
 */
int64_t capus_client_entries(const uint8_t *path, uint32_t count, uint8_t *names,
                             uint32_t capacity);

/* Connects to a SOCK_SEQPACKET listener and gives up after `timeout_ms`. */
int capus_client_connect(const uint8_t *path, uint32_t count, uint32_t timeout_ms);
/* Sends one frame. */
int capus_client_send(int fd, const uint8_t *frame, uint32_t count);
/* Receives one frame, waiting `timeout_ms` for it, for ever when that is negative; 0 when the other
   side is gone, -ETIMEDOUT, -EMSGSIZE when it is longer than `capacity`. */
int capus_client_receive(int fd, uint8_t *frame, uint32_t capacity, int timeout_ms);

/* Microseconds of CLOCK_BOOTTIME and of CLOCK_REALTIME. */
int64_t capus_client_boottime(void);
int64_t capus_client_realtime(void);

/* 1 for a terminal. */
int capus_client_is_terminal(int fd);
/* A variable of the environment, NULL where it is not set. */
const char *capus_client_variable(const char *name);
#endif
