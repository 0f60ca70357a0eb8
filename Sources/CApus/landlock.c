#include <errno.h>

#include "steps.h"
#include "walk.h"

/* The numbers and bits of landlock(7); the same on every architecture, and newer than some headers.
 */
enum { NR_CREATE_RULESET = 444, NR_ADD_RULE, NR_RESTRICT_SELF };
enum { TELL_VERSION = 1, PATH_BENEATH = 1 };

/* Bits of access: 0 execute, 1 write, 2 read file, 3 read directory, 4 to 12 make and remove,
 * 13 move, 14 truncate, 15 ioctl of devices. */
enum { READ = 0xc, WRITE = 0xfffe, EXECUTE = 0xd, ON_FILES = 0xc007 };

/* What a version of the interface knows of them. */
CHILD uint64_t handled_by(long version) {
  return version >= 5 ? 0xffff : version >= 3 ? 0x7fff : version == 2 ? 0x3fff : 0x1fff;
}

/* A path that is not there needs no rule. */
CHILD long allow(long rules, const char *path, enum walk_links links, uint64_t access) {
  struct {
    uint64_t access;
    int32_t fd;
  } __attribute__((packed)) rule = {access, 0};
  long fd = capus_open_trusted(path, links);
  if (fd < 0)
    return fd == -ENOENT ? 0 : fd;
  rule.fd = (int32_t)fd;
  long result = raw4(NR_ADD_RULE, rules, PATH_BENEATH, &rule, 0);
  if (result == -EINVAL) {
    rule.access &= ON_FILES;
    result = raw4(NR_ADD_RULE, rules, PATH_BENEATH, &rule, 0);
  }
  raw1(SYS_close, fd);
  return result;
}

CHILD_CODE int32_t capus_landlock_version(void) {
  return (int32_t)raw3(NR_CREATE_RULESET, 0, 0, TELL_VERSION);
}

/* Before version 3 (Linux 6.2) nothing kept a process from truncating what it may not write: only
 * a sandbox that says `optional` is content with that. */
CHILD_CODE long capus_landlock(struct capus_plan *plan) {
  static const uint16_t access[] = {READ, WRITE, EXECUTE};
  long version = capus_landlock_version();
  if (version < (plan->landlock_optional ? 1 : 3)) {
    if (plan->landlock_optional && (version == -ENOSYS || version == -EOPNOTSUPP))
      return 0;
    return version < 0 ? version : -EOPNOTSUPP;
  }
  uint64_t handled = handled_by(version);
  long rules = raw3(NR_CREATE_RULESET, &handled, sizeof handled, 0);
  if (rules < 0)
    return rules;
  const enum walk_links links = plan->identity == CAPUS_UNBORN ? WALK_LAST_LINK : WALK_ROOTS_LINK;
  long result = 0;
  for (int list = 0; list < 3; list++)
    for (char **path = plan->paths[CAPUS_PATHS_READ + list]; *path && result == 0; path++)
      result = allow(rules, *path, links, access[list] & handled);
  if (result == 0)
    result = raw2(NR_RESTRICT_SELF, rules, 0);
  raw1(SYS_close, rules);
  return result;
}
