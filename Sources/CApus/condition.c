#include <sys/utsname.h>

#include "steps.h"

/* Everything in this file runs in the child. */

/* True when the kernel command line has that word, or for one without a value, a value for it. */
CHILD bool has_argument(const char *wanted) {
  char text[4096];
  long fd = raw4(SYS_openat, AT_FDCWD, "/proc/cmdline", O_RDONLY | O_CLOEXEC, 0);
  long count = raw3(SYS_read, fd, text, sizeof text);
  raw1(SYS_close, fd);
  for (long at = 0; at < count; at++) {
    const char *rest = wanted;
    bool has_value = false;
    for (; at < count && text[at] == *rest; at++)
      has_value |= *rest++ == '=';
    if (*rest == 0 && (at >= count || text[at] <= ' ' || (text[at] == '=' && !has_value)))
      return true;
    while (at < count && text[at] > ' ')
      at++;
  }
  return false;
}

/* `arm` stands for armv6l, armv7l and the like. */
CHILD bool is_machine(uint64_t number) {
  static const char names[][8] = {"x86_64", "aarch64", "arm", "riscv64"};
  struct utsname system;
  size_t at = 0;
  if (number >= sizeof names / sizeof *names || raw1(SYS_uname, &system) < 0)
    return false;
  while (names[number][at] != 0 && names[number][at] == system.machine[at])
    at++;
  return names[number][at] == 0 && (number == 2 || system.machine[at] == 0);
}

/* An unmet condition fails with its own number, counted from 1. */
CHILD_CODE long capus_check_condition(const struct capus_step *step) {
  bool is_met;
  if (step->small < 2)
    is_met = (raw3(SYS_faccessat, AT_FDCWD, step->text, 0) == 0) == (step->small == 0);
  else
    is_met = step->small == 2 ? has_argument(step->text) : is_machine(step->first);
  return is_met ? 0 : -1 - (long)step->small;
}
