/* The nodes of listeners, between the walk to them and what is made there. */
#ifndef CAPUS_NODE_H
#define CAPUS_NODE_H

#include <stdbool.h>

#include "include/changes.h"
#include "include/listener.h"
#include "walk.h"

/* Walks to the node and makes it. */
int capus_bind_node(const struct capus_listener *listener, struct capus_node *node);
/* Removes it and the links to it, with removeOnStop, unless somebody else is there. */
void capus_remove_node(const struct capus_listener *listener, struct capus_node *node);
/* Makes the links to a node, or removes them. One that fails is no reason to go without the others,
 * nor without the socket. */
void capus_set_links(const struct capus_listener *listener, bool is_wanted,
                     struct capus_node *node);
/* capus_name_look, without a look where the path leads; -EXDEV. */
int32_t capus_look_at(struct capus_name *name, int32_t inotify, const char *target, unsigned links);
/* capus_bind_listener, without the links. */
int32_t capus_bind_any(const struct capus_listener *listener, struct capus_node *node);
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
