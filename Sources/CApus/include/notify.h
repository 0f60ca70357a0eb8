/* The channels on which services report: datagram sockets of the sd_notify protocol. */
#ifndef CAPUS_NOTIFY_H
#define CAPUS_NOTIFY_H
#include <stddef.h>
#include <stdint.h>

#include "tree.h"

/* Makes the folder of the channels, or opens it: -EPERM when it is another user's, or others may
 * write to it. A descriptor, or -errno. */
int32_t capus_notify_folder(const char *path);
/* Binds a channel that everybody may write to, in place of one from before, in that folder. The
 * descriptor, or -errno. */
int32_t capus_notify_bind(int32_t folder, const char *name);

/* One datagram: its length, or -errno; -EAGAIN without one. One that is longer than `capacity` is
 * -EBADMSG, one whose sender is not a process of the tree, nor one that is gone and had the user
 * `uid`, is -EACCES. Descriptors that came with it wait to be taken, or are put away with it. */
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
