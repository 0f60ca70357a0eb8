/* What the files of the logs share: log.c has the table of the rings, ring.c their bytes, line.c
 * makes lines, logfile.c takes them to the echo and to writer.c, which writes a file, reader.c
 * sends them. */
#ifndef CAPUS_LOGS_H
#define CAPUS_LOGS_H
#include <stdbool.h>

#include "include/log.h"
#include "layout.h"

/* The state of a ring: its line has no end yet, the rest of one is left out, its line is the rest
 * of the one before; and its file did not work. */
enum { OPEN = 1, SKIPPING = 2, GOES_ON = 4, FILE_FAILED = 8 };
/* One that is small enough to have a copy at each call is larger than the call. */
#define ONCE __attribute__((noinline))

/* As much goes to a file's writer, or to the echo, at once. */
enum { LOG_OUT_BYTES = 4096 };

/* The last rings of the table: apus's messages and its events. */
enum { LOG_OWN_RINGS = 2 };

/* Before the bytes of each line. */
struct head {
  int64_t at;
  uint32_t number; /* lines before it, those that were lost too */
  uint16_t count;
  uint8_t level;
  uint8_t prefix; /* how many of its bytes say the level */
};

/* The logs that are written, NULL before capus_log_begin. */
extern struct logs *log_current;
/* Where lines are repeated, -1 for nowhere. */
extern int32_t log_echo;
/* What the file of the service that is being read has just failed with; 0 or -errno. */
extern int log_file_error;

uint32_t log_pages(uint32_t bytes);
/* The ring of a service, NULL for none. */
struct ring *log_ring(struct logs *logs, uint32_t service);
/* Copies into the ring, or out of it. */
void log_copy(struct logs *logs, const struct ring *ring, uint32_t at, void *bytes, uint32_t count,
              int is_write);
void log_put_head(const struct ring *ring, uint32_t at, struct head *head);
/* Makes the memory for what is written next; a page that is not there would be a SIGBUS. */
int log_reserve(struct ring *ring, uint32_t end);
/* The one way to the line at a place: 0 when its head, or what that says, is not within what is
 * written and kept. */
int log_line(struct logs *logs, const struct ring *ring, uint32_t at, struct head *head);
/* Do the lines of a ring add up? */
int log_is_sound(struct logs *logs, const struct ring *ring);

/* The line's bytes to the file and to the echo. */
void log_pass(struct ring *ring, uint32_t at, uint32_t count);
/* Writes what has come together; what does not go is left out. */
void log_flush(struct ring *ring, int is_echo);

/* What the writer of the ring's file has said, or that it has ended. */
void log_hear_writer(struct ring *ring, int64_t now);
/* Makes the process that writes the ring's file: 0, or -errno. */
int log_writer_start(struct ring *ring);
/* Has it end when it has written what it was given. */
void log_writer_close(struct ring *ring);

/* Makes room for the places of all readers; 0 when there is no memory. */
int log_make_readers(uint32_t services);
#endif
