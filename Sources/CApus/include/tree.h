/* Which processes belong to a service: those in its control group. Where there is none, those of
 * its main process's session, and those of its user with the mark of its present life.
 *
 * The mark is the soft value of RLIMIT_LOCKS, a limit that the kernel has not looked at since Linux
 * 2.4.25, and so free for this: it is inherited by every child, whatever session it makes and
 * whoever it becomes, and can be read without a file (prlimit(2)). A process can change its own
 * mark, to that of another service too: so the user has to be the same. */
#ifndef CAPUS_TREE_H
#define CAPUS_TREE_H
#include <stdint.h>

enum { CAPUS_MARK = 1 << 30 }; /* the bit that every mark has, above which there is none */

struct capus_tree {
  int32_t main;        /* its main process, which may be a zombie */
  int32_t session;     /* of that */
  const char *service; /* whose control group counts, where there is one */
  uint64_t mark;       /* of its present life; 0 for none */
  uint32_t uid;        /* of its user */
};

/* The mark of a process, 0 for none. */
uint64_t capus_mark(int32_t pid);
/* 1 when a process is of the tree, else 0. */
int32_t capus_kin(int32_t pid, const struct capus_tree *tree);
/* A child of apus that is of the tree and lives, besides the main process; 0 without one. */
int32_t capus_left(const struct capus_tree *tree);
/* A process's session, 0 when that is the one of apus. */
int32_t capus_session(int32_t pid);
/* Sends a signal to the process group of a process, unless that is the one of apus, and to that of
 * the session's leader. */
int32_t capus_signal_group(int32_t pid, int32_t session, int32_t number);

#endif
