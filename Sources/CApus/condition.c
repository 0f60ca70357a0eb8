#include <sys/prctl.h>
#include <sys/stat.h>
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
    for (; at < count && *rest != 0 && text[at] == *rest; at++)
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

/* True for a directory with anything in it besides itself and the one above. */
CHILD bool has_entries(const char *path) {
  /* struct linux_dirent64 of getdents64(2): the length of the name, and where it begins. */
  enum { LENGTH = 16, NAME = 19 };
  _Alignas(8) unsigned char entries[1024];
  bool found = false;
  long count;
  long fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0)
    return false;
  while (!found && (count = raw3(SYS_getdents64, fd, entries, sizeof entries)) > 0)
    for (long at = 0; !found && at + NAME < count;) {
      const unsigned char *name = entries + at + NAME;
      long length = entries[at + LENGTH] | entries[at + LENGTH + 1] << 8;
      found = name[0] != '.' || (name[1] != 0 && (name[1] != '.' || name[2] != 0));
      if (length <= NAME)
        break;
      at += length;
    }
  raw1(SYS_close, fd);
  return found;
}

/* True for a regular file with something in it, or one that somebody may run. */
CHILD bool is_file(const char *path, bool to_run) {
  struct raw_status status;
  if (raw_stat(AT_FDCWD, path, 0, &status) < 0 || !S_ISREG(status.mode))
    return false;
  return to_run ? (status.mode & 0111) != 0 : status.size > 0;
}

/* True but in the pid namespace the kernel began with, whose number is the same everywhere. */
CHILD bool is_in_container(void) {
  struct raw_status status;
  return raw_stat(AT_FDCWD, "/proc/self/ns/pid", 0, &status) == 0 && status.inode != 0xEFFFFFFCU;
}

/* The kinds, in the order of the manifest's words; above their four bits stands the entry. */
enum {
  EXISTS,
  MISSING,
  KERNEL_ARGUMENT,
  ARCHITECTURE,
  DIRECTORY_NOT_EMPTY,
  FILE_NOT_EMPTY,
  EXECUTABLE,
  CONTAINER,
  CAPABILITY
};

/* An unmet condition fails with its own number, counted from 1. */
CHILD_CODE long capus_check_condition(const struct capus_step *step) {
  unsigned kind = step->small & 15;
  bool is_met = false;
  if (kind == EXISTS || kind == MISSING)
    is_met = (raw3(SYS_faccessat, AT_FDCWD, step->text, 0) == 0) == (kind == EXISTS);
  else if (kind == KERNEL_ARGUMENT)
    is_met = has_argument(step->text);
  else if (kind == ARCHITECTURE)
    is_met = is_machine(step->first);
  else if (kind == DIRECTORY_NOT_EMPTY)
    is_met = has_entries(step->text);
  else if (kind == FILE_NOT_EMPTY || kind == EXECUTABLE)
    is_met = is_file(step->text, kind == EXECUTABLE);
  else if (kind == CONTAINER)
    is_met = is_in_container() == (step->first != 0);
  else if (kind == CAPABILITY)
    is_met = raw2(SYS_prctl, PR_CAPBSET_READ, step->first) == 1;
  return is_met ? 0 : -1 - (long)step->small;
}
