/* The nodes of listeners, between the walk to them and what is made there. */
#ifndef CAPUS_NODE_H
#define CAPUS_NODE_H

#include <stdbool.h>

#include "include/listener.h"
#include "walk.h"

/* Walks to the node, makes it and the links to it. */
int capus_bind_node(const struct capus_listener *listener, struct capus_node *node);
/* Removes it and the links to it, with removeOnStop, unless somebody else is there. */
void capus_remove_node(const struct capus_listener *listener);
/* Watches the directory that a walk has led to; its number, or -errno. */
int32_t capus_watch_directory(int32_t inotify, const struct walk *walk);
/* Tells one node from another, never 0. */
uint32_t capus_identity(const struct raw_status *status);
/* Makes the node where the walk has led. */
int capus_bind_path(const struct capus_listener *listener, const struct walk *walk,
                    struct capus_node *node);
static inline bool capus_is_same(const struct raw_status *one, const struct raw_status *other) {
  return one->inode == other->inode && one->device[0] == other->device[0] &&
         one->device[1] == other->device[1];
}

#endif
