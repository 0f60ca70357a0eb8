/* What services write: a pipe for each, and a ring of its last lines in memory that outlives a
 * crash.
 *
 * Both ends of a pipe are held for ever, so that nothing is lost between two lives of a service.
 * The rings lie in one memfd; a page of it is there once a line needs it. A file is written only
 * for who asked, by a process of its own. Every function returns -errno when it fails; none waits.
 */
#ifndef CAPUS_LOG_H
#define CAPUS_LOG_H
#include <stddef.h>
#include <stdint.h>

enum {
  CAPUS_LINE_BYTES = 2048, /* a longer line goes on as the next one */
  CAPUS_RING_LEAST = 4096,
  CAPUS_RING_MOST = 1 << 20,
};

/* What becomes of the lines of a service. The strings stay where they are. */
struct capus_log_rule {
  const char *name;
  const char *file; /* NULL for none */
  int64_t window_us;
  uint32_t rate; /* lines in a window; 0 for any number */
  uint32_t file_most, keep;
  uint32_t ring; /* bytes; the next smaller power of two is taken */
};

/* The rule of the `log` key: its members in the order of the manifest's record (ring, file,
 * fileMax, keep, rate), where `values` are all members of all records, and `pool` all strings. */
void capus_log_rule_of(struct capus_log_rule *rule, uint32_t record, const int64_t *values,
                       const uint8_t *pool);

/* Makes the table of so many services, and behind them apus's own rings: its messages, as a service
 * `apus`, and its events, which are sent to who asks for that number alone. What the program before
 * this one kept stays readable for capus_log_finish, and is let go by capus_log_leave. Lines are
 * also written to `echo`, as `NAME: line` and as far as it takes them at once; -1 for none. */
int32_t capus_log_begin(uint32_t services, int32_t echo);
void capus_log_place(uint32_t service, uint32_t identity, const struct capus_log_rule *rule);
/* Makes the rings, and takes over pipes and lines of services with the same identity. The
 * descriptor of all that. */
int32_t capus_log_finish(void);
void capus_log_leave(void);

/* Makes the pipe of a service, which then belongs to that user: 1, or 0 when it was there already.
 */
int32_t capus_log_open(uint32_t service, uint32_t uid);
/* An end of its pipe, -1 without one. */
int32_t capus_log_fd(uint32_t service, int32_t is_write_end);
/* The channel to the process that writes its file, -1 without one, and the path of that file. */
int32_t capus_log_channel(uint32_t service);
const char *capus_log_file(uint32_t service);
/* The end: files are written no more, and their writers get a second for what they have. */
void capus_log_end(void);

/* Reads what is there, within bounds, so that nobody else waits: 1, or 0 when there was nothing,
 * and CAPUS_NEW_WRITER. The last time, when a process has ended, reads all that the pipe holds and
 * ends a line without an end. -errno when its file fails for the first time since it was written.
 */
enum { CAPUS_NEW_WRITER = 2 };
int32_t capus_log_read(uint32_t service, int64_t now, int32_t is_last);

/* A message of apus's own, `<LEVEL>text`, or an event of any bytes: kept as a line. */
void capus_log_keep(int32_t is_event, const void *bytes, uint32_t count, int64_t now);

/* Sends the oldest line that a reader has not had, of that service, -1 for all, as the frame that
 * ByteWriter.lineFrame makes: 1, or 0 when there is none. Readers are numbered from 0 to 15. One
 * that has `had` none begins with the oldest there is; with the same number again it gets the same
 * one, or an older one. A reader that follows gets a line when it is complete. */
int32_t capus_log_send(uint32_t reader, uint32_t had, int32_t service, int32_t follows, int32_t fd);
#endif
