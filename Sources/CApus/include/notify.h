/* The channels on which services report: datagram sockets of the sd_notify protocol. */
#ifndef CAPUS_NOTIFY_H
#define CAPUS_NOTIFY_H
#include <stddef.h>
#include <stdint.h>

#include "tree.h"

/* Binds a channel that only `uid` (and root) may write to, in place of one from before. Makes the
 * last directory of the path. The descriptor, or -errno. */
int32_t capus_notify_bind(const char *path, uint32_t uid);

/* One datagram: its length, or -errno; -EAGAIN without one. One that is longer than `capacity`, or
 * whose sender is not a process of the tree (without a main process: any), or one that is gone and
 * had the user `uid`, is -EBADMSG. Descriptors that came with it wait to
 * be taken, or are closed with it. */
int64_t capus_notify_receive(int32_t fd, uint8_t *bytes, size_t capacity,
                             const struct capus_tree *tree, uint32_t uid);
/* One of the descriptors that came with the last datagram, the caller's from now on; -1 for none.
 */
int32_t capus_notify_take(void);
/* Copies the datagram's STATUS, if it has one, to `status`: a count and at most `limit` bytes. */
void capus_notify_status(const uint8_t *bytes, size_t count, uint8_t *status, size_t limit);
/* Puts away those that nobody has taken, which is what a BARRIER waits for. */
void capus_notify_drop(void);
/* The value of the last line that begins so, NULL without one. */
const uint8_t *capus_notify_value(const uint8_t *bytes, size_t count, const char *name,
                                  size_t *length);

#endif
