/* strtoul(3) for the device, for the numbers libcap takes where a capability's name may stand. The
 * C library's reads through a stream and links one. */
#ifdef APUS_DEVICE

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

static unsigned digit(char byte) {
  if (byte >= '0' && byte <= '9') {
    return (unsigned)(byte - '0');
  }
  char lower = (char)(byte | 32);
  return lower >= 'a' && lower <= 'z' ? (unsigned)(lower - 'a') + 10 : UINT_MAX;
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base) {
  const char *next = text;
  while (*next == ' ' || (*next >= '\t' && *next <= '\r')) {
    next++;
  }
  bool negative = *next == '-';
  if (*next == '-' || *next == '+') {
    next++;
  }
  if ((base == 0 || base == 16) && next[0] == '0' && (next[1] | 32) == 'x' && digit(next[2]) < 16) {
    next += 2;
    base = 16;
  } else if (base == 0) {
    base = *next == '0' ? 8 : 10;
  }
  const char *first = next;
  unsigned long value = 0;
  bool overflows = false;
  for (; digit(*next) < (unsigned)base; next++) {
    overflows |= __builtin_mul_overflow(value, (unsigned long)base, &value);
    overflows |= __builtin_add_overflow(value, (unsigned long)digit(*next), &value);
  }
  if (end != NULL) {
    *end = (char *)(next == first ? text : next);
  }
  if (overflows) {
    errno = ERANGE;
    return ULONG_MAX;
  }
  return negative ? -value : value;
}

#endif
