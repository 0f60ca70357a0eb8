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
 * had the user `uid`, is -EBADMSG. Descriptors that came with it are closed, which is what a
 * BARRIER waits for. */
int64_t capus_notify_receive(int32_t fd, uint8_t *bytes, size_t capacity, struct capus_tree *tree,
                             uint32_t uid);

#endif
