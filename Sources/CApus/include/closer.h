/* Descriptors that somebody else has made. Their last close(2) may wait, for as long as a peer or a
 * dead file system likes: a socket that lingers, a FUSE file. So a process that shares the table of
 * descriptors with this one closes them; one that hangs is killed, and another goes on. */
#ifndef CAPUS_CLOSER_H
#define CAPUS_CLOSER_H
#include <stddef.h>
#include <stdint.h>

/* Makes the memory that the two share; descriptors are closed at once where there is none. */
void capus_closer_begin(void);
/* Takes a descriptor over. It is closed soon; nothing waits. */
void capus_put_away(int32_t fd);
/* The same, and waits until it is closed, for a few milliseconds at most. */
void capus_put_away_soon(int32_t fd);
/* Sees to it that what was put away is closed, and tells when to look again, in microseconds of
 * capus_now(); INT64_MAX when nothing is left to do. Once a turn. */
int64_t capus_closer_look(int64_t now_us);
/* How many wait to be closed. */
uint32_t capus_closer_backlog(void);
/* How many were left open since the start, because nothing could close them. */
uint32_t capus_closer_lost(void);
/* Before execve(2): ends the closers, and has what waits go through it. Safe in a handler. */
void capus_closer_leave(void);
/* After execve(2): puts away what went through it that way. */
void capus_closer_resume(void);

/* Before a child gets a copy of the table: waits until no file is in it that may hang the child
 * when it closes its copy, for a few milliseconds at most. */
void capus_closer_settle(void);
/* The type of a descriptor as S_IFMT has it, 0 for those without a name such as epoll(7), and the
 * device of its file system; asks no file system that would have to ask somebody else. */
uint32_t capus_kind_of(int32_t fd, uint32_t *major, uint32_t *minor);

/* Receives one message into `bytes` and puts away whatever descriptors came with it, as recvmsg(2)
 * with `flags` says otherwise. */
int64_t capus_receive_only(int32_t fd, void *bytes, size_t capacity, int32_t flags);

#endif
