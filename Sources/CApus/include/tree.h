/* Which processes belong to a service: those of its session, those below its main process, and
 * those that were left to apus since that was started. */
#ifndef CAPUS_TREE_H
#define CAPUS_TREE_H
#include <stdint.h>

struct capus_tree {
  int32_t main;         /* its main process, which may be a zombie */
  int32_t session;      /* of that */
  uint32_t uid;         /* its user, 0 when any will do */
  uint32_t is_namesake; /* the process last looked at has the name of the main process */
};

/* 0 when a process is not of the tree, its pid when it is one that was left to apus, and so may be
 * one of another service that apus knows; else 1. */
int32_t capus_kin(int32_t pid, struct capus_tree *tree);
/* The next process after `after` that was left to apus and may be of the tree, 0 after the last. */
int32_t capus_next_left(int32_t after, struct capus_tree *tree);
/* A process's session, 0 when that is the one of apus. */
int32_t capus_session(int32_t pid);
/* Sends a signal to the process group of a process, unless that is the one of apus, and to that of
 * the session's leader. */
int32_t capus_signal_group(int32_t pid, int32_t session, int32_t number);

#endif
