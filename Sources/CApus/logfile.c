/* What becomes of a service's lines besides its ring: its file, which a process of its own writes,
 * and the echo. Neither is waited for. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "include/loop.h"
#include "logs.h"
#include "raw.h"

/* A writer that cannot be had, or does not take anything, is left alone for a while. */
enum { RETRY_US = 1000000 };

int32_t log_echo;
int log_file_error;
/* For the file and for the echo of the service that is being read. */
static struct out {
  uint32_t count;
  uint8_t bytes[LOG_OUT_BYTES];
} outs[2];
/* Lines of the echo that have come together, those it has lost since it said so, and whether the
 * last one that it took lacks its end. */
static uint32_t echo_lines, echo_lost;
static bool echo_is_cut;

static void set_error(struct ring *ring, int error) {
  if (error < 0 && !(ring->state & FILE_FAILED))
    log_file_error = error;
  ring->state = (ring->state & ~FILE_FAILED) | (error < 0 ? FILE_FAILED : 0);
}

ONCE void log_hear_writer(struct ring *ring, int64_t now) {
  int32_t error;
  while (ring->file > 2) {
    const long count =
        raw6(SYS_recvfrom, ring->file, (long)&error, sizeof error, MSG_DONTWAIT, 0, 0);
    if (count == -EAGAIN)
      return;
    if (count != sizeof error) {
      log_writer_close(ring);
      error = -EPIPE;
      ring->file_retry = now + RETRY_US;
    }
    set_error(ring, error);
  }
}

static void hand_over(struct ring *ring, const struct out *out) {
  const int64_t now = capus_now();
  log_hear_writer(ring, now);
  if (now < ring->file_retry)
    return;
  int error = ring->file > 2 ? 0 : log_writer_start(ring);
  if (error == 0) {
    const long sent = raw6(SYS_sendto, ring->file, (long)out->bytes, out->count,
                           MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    /* Its file system does not answer, or not as fast as there are lines. */
    error = sent == -EAGAIN ? -ETIMEDOUT : sent < 0 ? (int)sent : 0;
  }
  if (error < 0) {
    set_error(ring, error);
    ring->file_retry = error == -ETIMEDOUT ? 0 : now + RETRY_US;
  }
}

static bool say_lost(void) {
  char text[64];
  char *end = raw_decimal(raw_text(text, echo_is_cut ? "\napus: " : "apus: "), echo_lost);
  end =
      raw_text(end, echo_lost == 1 ? " line was not taken here\n" : " lines were not taken here\n");
  return capus_write_now(log_echo, text, (size_t)(end - text)) == end - text;
}

static void echo(const struct out *out) {
  if (echo_lost > 0 && say_lost())
    echo_lost = 0;
  const int64_t sent = capus_write_now(log_echo, out->bytes, out->count);
  if (sent < (int64_t)out->count)
    echo_lost += echo_lines;
  if (sent != 0)
    echo_is_cut = sent > 0 && sent < (int64_t)out->count;
  echo_lines = 0;
}

ONCE void log_flush(struct ring *ring, int is_echo) {
  struct out *out = &outs[is_echo];
  if (out->count > 0 && is_echo)
    echo(out);
  else if (out->count > 0)
    hand_over(ring, out);
  out->count = 0;
}

/* How many bytes from here are one character that moves no cursor; 0 for a byte that is escaped. */
static uint32_t character(const uint8_t *at, uint32_t left) {
  const uint8_t lead = *at, next = left > 1 ? at[1] : 0;
  const uint32_t count = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0x80)
    return lead >= ' ' && lead != 0x7f;
  if (lead < 0xc2 || lead > 0xf4 || left < count)
    return 0;
  for (uint32_t index = 1; index < count; index++)
    if ((at[index] & 0xc0) != 0x80)
      return 0;
  /* C1, what is longer than it needs to be, and what is no character. */
  const bool is_odd = ((lead == 0xc2 || lead == 0xe0) && next < 0xa0) ||
                      (lead == 0xed && next > 0x9f) || (lead == 0xf0 && next < 0x90) ||
                      (lead == 0xf4 && next > 0x8f);
  return is_odd ? 0 : count;
}

static void put_echo(struct ring *ring, const uint8_t *bytes, uint32_t count) {
  static const char digits[] = "0123456789abcdef";
  struct out *out = &outs[1];
  for (uint32_t at = 0; at < count;) {
    const uint32_t plain = character(bytes + at, count - at);
    if (out->count + 4 > LOG_OUT_BYTES)
      log_flush(ring, 1);
    uint8_t *end = out->bytes + out->count;
    if (plain > 0) {
      memcpy(end, bytes + at, plain);
      out->count += plain;
      at += plain;
    } else {
      end[0] = '\\';
      end[1] = 'x';
      end[2] = (uint8_t)digits[bytes[at] >> 4];
      end[3] = (uint8_t)digits[bytes[at++] & 15];
      out->count += 4;
    }
  }
}

void log_pass(struct ring *ring, uint32_t at, uint32_t count) {
  static uint8_t line[CAPUS_LINE_BYTES];
  /* What apus says itself has gone where it says everything. */
  if (count > sizeof line || ring->fds[0] <= 2 || (log_echo < 0 && ring->rule.file == NULL))
    return;
  log_copy(log_current, ring, at, line, count, 0);
  if (ring->rule.file) {
    if (outs[0].count + count + 1 > LOG_OUT_BYTES)
      log_flush(ring, 0);
    memcpy(outs[0].bytes + outs[0].count, line, count);
    outs[0].count += count;
    outs[0].bytes[outs[0].count++] = '\n';
  }
  if (log_echo >= 0) {
    put_echo(ring, (const uint8_t *)ring->rule.name, (uint32_t)strlen(ring->rule.name));
    put_echo(ring, (const uint8_t *)": ", 2);
    put_echo(ring, line, count);
    if (outs[1].count == LOG_OUT_BYTES)
      log_flush(ring, 1);
    outs[1].bytes[outs[1].count++] = '\n';
    echo_lines++;
  }
}
