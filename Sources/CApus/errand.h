/* What is done with the paths of listeners: by apus itself where the file systems on the way answer
 * by themselves, else by a process of its own, which gets a moment and goes on beside apus. */
#ifndef CAPUS_ERRAND_H
#define CAPUS_ERRAND_H

#include "changes.h"
#include "node.h"

enum errand_kind { ERRAND_BIND, ERRAND_LINK, ERRAND_REMOVE, ERRAND_LOOK };

struct errand {
  uint8_t kind;
  uint16_t index; /* of the listener: one process for each at most */
  struct capus_listener *listener;
  struct capus_node *node;
  struct capus_name *name; /* to look at */
  int32_t inotify;         /* for that */
  const char *target;
};

/* What the deed answers; -ETIMEDOUT while it is not done, also for another deed that waits for it.
 */
int32_t capus_errand(struct errand *errand);

/* Before another program takes over: none of them does anything more. */
void capus_errand_leave(void);

#endif
