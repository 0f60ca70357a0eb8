/* The kernel as a target of the fuzzer sees it: what is opened, received or asked for are the bytes
 * of the input, in pieces. To be included before a source of CApus, whose raw calls it takes. */
#ifndef FUZZ_FAKE_H
#define FUZZ_FAKE_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/CApus/raw.h"

enum { FAKE_FD = 1000 };

static const uint8_t *fake_bytes;
static size_t fake_count, fake_piece;

/* What the next calls give; each takes at most `piece` bytes. */
static inline void fake_begin(const uint8_t *bytes, size_t count) {
  fake_piece = count > 0 ? 1 + bytes[0] * 32u : 4096;
  fake_bytes = count > 0 ? bytes + 1 : bytes;
  fake_count = count > 0 ? count - 1 : 0;
}

static inline long fake_take(void *to, size_t room) {
  size_t part = fake_count < fake_piece ? fake_count : fake_piece;
  if (part > room)
    part = room;
  if (part > 0)
    memcpy(to, fake_bytes, part);
  fake_bytes += part;
  fake_count -= part;
  return (long)part;
}

static inline long fake_call(long number, long a, long b, long c, long d, long e, long f) {
  switch (number) {
  case SYS_openat:
    return FAKE_FD;
  case SYS_read:
    return fake_take((void *)b, (size_t)c);
  case SYS_recvfrom:
    return fake_count == 0 ? -EAGAIN : fake_take((void *)b, (size_t)c);
  case SYS_syslog:
    return fake_take((void *)b, (size_t)c);
  case SYS_close:
    return 0;
  default:
    return raw6(number, a, b, c, d, e, f);
  }
}

/* A copy of exactly that size, so that one byte beyond it is seen; to be freed. */
static inline uint8_t *exact(const uint8_t *bytes, size_t count) {
  uint8_t *copy = malloc(count > 0 ? count : 1);
  if (count > 0)
    memcpy(copy, bytes, count);
  return copy;
}

#undef raw0
#undef raw1
#undef raw2
#undef raw3
#undef raw4
#undef raw5
#define raw0(n) fake_call(n, 0, 0, 0, 0, 0, 0)
#define raw1(n, a) fake_call(n, (long)(a), 0, 0, 0, 0, 0)
#define raw2(n, a, b) fake_call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define raw3(n, a, b, c) fake_call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define raw4(n, a, b, c, d) fake_call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define raw5(n, a, b, c, d, e)                                                                     \
  fake_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define raw6(n, a, b, c, d, e, f) fake_call(n, a, b, c, d, e, f)
#define raw_open(path, flags) FAKE_FD

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
#endif
