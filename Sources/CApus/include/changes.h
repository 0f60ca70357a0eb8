/* Names in the file system that lead to apus and to its listeners, watched by inotify(7). */
#ifndef CAPUS_CHANGES_H
#define CAPUS_CHANGES_H

#include <stddef.h>
#include <stdint.h>

/* The node of a listener, or a link to it. */
struct capus_name {
  const char *path;
  int32_t watch;     /* of its directory, or -errno */
  uint32_t hash;     /* of its last component */
  uint32_t identity; /* tells the node from another; 0 while that is not known */
  uint16_t listener;
  uint8_t is_link;
  uint8_t is_far;     /* where it may never be answered, and is not watched */
  uint8_t is_dirty;   /* to be looked at */
  uint8_t is_refused; /* a link that could not be made: left alone until its directory changes */
};

/* Begins a name, of which nothing is known yet. */
void capus_name_begin(struct capus_name *name, const char *path, uint32_t listener,
                      int32_t is_link);
/* Looks whether it is there, following no link of strangers, and watches its directory: 0 when it
 * is, or when nobody can tell, 1 when it was removed or replaced, 2 when its directory was. A link
 * has to lead to `target`. */
int32_t capus_name_look(struct capus_name *name, int32_t inotify, const char *target);

/* What is mounted may have changed: which file systems answer by themselves is looked up again. */
void capus_forget_mounts(void);
/* Has inotify(7) tell when something is taken out of the folder of a path, which may be the path
 * itself, or that folder goes away; makes `*inotify` where it is -1. -errno when that fails. */
int32_t capus_nodes_watch(int32_t *inotify, const char *path, int32_t is_folder);
/* Reads what it has told, and marks the names that may be concerned; 1 when it has told anything.
 */
int32_t capus_nodes_read(int32_t inotify, struct capus_name *names, size_t count);

#endif
