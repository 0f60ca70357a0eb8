#include <errno.h>
#include <sys/stat.h>

#include "steps.h"
#include "walk.h"

/* Everything in this file runs in the child. */

enum { NAME_LIMIT = 255, ALL_BITS = 07777 };

/* As getdents64(2) writes it. */
struct entry {
  uint64_t inode;
  int64_t position;
  uint16_t length;
  uint8_t type;
  char name[];
};

CHILD bool is_dots(const char *name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

/* Can somebody who would gain by it have moved something of the owner's into the directory? */
CHILD bool is_open(const struct capus_plan *plan, const struct raw_status *directory) {
  return directory->mode & (S_IWGRP | S_IWOTH) &&
         (capus_is_trusted(directory->uid) || capus_may_write(plan, directory));
}

/* Gives what is in a directory to its new owner, as far as it is the old one's, a file only if it
 * has no other name: one of somebody else's or of another place is not given away. What is in a
 * directory comes before that itself, so that one which is interrupted goes on the next time; what
 * is in an open one, or deeper than LEVELS, stays as it is. */
CHILD long give_contents(const struct capus_plan *plan, long top, const struct raw_status *old,
                         uint32_t user, uint32_t group) {
  enum { LEVELS = 32 };
  long folders[LEVELS] = {top}, result = 0;
  _Alignas(struct entry) char buffer[1024];
  int depth = 0;
  if (is_open(plan, old))
    return 0;
  for (;;) {
    const long count = raw3(SYS_getdents64, folders[depth], buffer, sizeof buffer);
    if (count < 0)
      result = count;
    if (count <= 0 && depth == 0)
      return result;
    if (count <= 0) {
      if (result == 0)
        result = raw3(NR_FCHOWN, folders[depth], user, group);
      raw1(SYS_close, folders[depth--]);
      if (result < 0)
        break;
      /* Once more from the start: it is the other's no longer, and so passed over. */
      raw3(SYS_lseek, folders[depth], 0, 0);
      continue;
    }
    const int level = depth;
    for (long at = 0; at < count && depth == level && result == 0;) {
      const struct entry *entry = (const struct entry *)(buffer + at);
      struct raw_status status;
      at += entry->length;
      const long node = is_dots(entry->name) ? -ENOENT
                                             : raw4(SYS_openat, folders[depth], entry->name,
                                                    O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
      if (node < 0)
        continue;
      if (raw_stat((int)node, "", AT_EMPTY_PATH, &status) == 0 && status.uid == old->uid &&
          (status.uid != user || status.gid != group)) {
        const bool is_directory = S_ISDIR(status.mode);
        const long inner = is_directory && depth + 1 < LEVELS && !is_open(plan, &status)
                               ? raw4(SYS_openat, node, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
                               : -ENOENT;
        if (inner >= 0)
          folders[++depth] = inner;
        else if (!is_directory && status.links == 1)
          result = raw5(SYS_fchownat, node, "", user, group, AT_EMPTY_PATH);
      }
      raw1(SYS_close, node);
    }
    if (result < 0)
      break;
  }
  while (depth > 0)
    raw1(SYS_close, folders[depth--]);
  return result;
}

/* Whose a directory is to be, and its mode with enum capus_directory_flags. */
struct wanted {
  uint32_t user, group;
  unsigned mode;
};

/* One directory below another, made whatever the umask if it is not there, and as it is wanted
 * unless it was there and is to be left alone; its descriptor, or -errno. A symbolic link in its
 * place is refused. */
CHILD long enter(const struct capus_plan *plan, const struct wanted *wanted, long parent,
                 const char *name) {
  struct raw_status status;
  long result = raw_stat((int)parent, "", AT_EMPTY_PATH, &status);
  if (result < 0)
    return result;
  const uint32_t user = plan->expected.uid;
  const bool is_others = !capus_is_trusted(status.uid);
  const bool is_foreign =
      is_others || (plan->expected.check_groups && capus_may_write(plan, &status));
  const uint32_t maker = is_others ? status.uid : user;
  if (is_foreign) {
    if (plan->expected.check_groups)
      raw2(NR_SETGROUPS, plan->group_count, plan->groups);
    capus_act_as(maker, is_others ? status.gid : plan->expected.gid);
  }
  const long made = raw3(SYS_mkdirat, parent, name, wanted->mode & 0755);
  if (is_foreign)
    capus_act_as_self();
  if (made < 0 && made != -EEXIST)
    return made;
  long directory =
      raw4(SYS_openat, parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (directory < 0)
    return directory;
  result = raw_stat((int)directory, "", AT_EMPTY_PATH, &status);
  const unsigned keeps = made == 0 ? 0 : wanted->mode;
  const bool is_given =
      !(keeps & CAPUS_KEEP_OWNER) && (status.uid != wanted->user || status.gid != wanted->group);
  const bool is_changed =
      !(keeps & CAPUS_KEEP_MODE) && (status.mode & ALL_BITS) != (wanted->mode & ALL_BITS);
  /* Who may change names there may have put something else in its place: what is neither's is
   * taken as it is or not at all. */
  if (result == 0 && is_foreign && status.uid != user && status.uid != maker &&
      (status.uid != wanted->user || is_given || is_changed))
    result = -EPERM;
  if (result == 0 && is_given && made < 0 && !is_foreign)
    result = give_contents(plan, directory, &status, wanted->user, wanted->group);
  if (result == 0 && is_given)
    result = raw3(NR_FCHOWN, directory, wanted->user, wanted->group);
  if (result == 0 && is_changed)
    result = raw2(SYS_fchmod, directory, wanted->mode & ALL_BITS);
  if (result == 0)
    return directory;
  raw1(SYS_close, directory);
  return result;
}

/* Takes the first name off `*path` into `name`; 1, 0 at the end, or -errno. */
CHILD long next_name(const char **path, char *name) {
  const char *from = *path;
  long length = 0;
  while (*from == '/')
    from++;
  while (*from != 0 && *from != '/') {
    if (length == NAME_LIMIT)
      return -ENAMETOOLONG;
    name[length++] = *from++;
  }
  name[length] = 0;
  while (*from == '/')
    from++;
  *path = from;
  if (length == 0)
    return 0;
  return is_dots(name) ? -EINVAL : 1;
}

/* The place itself may be reached through links of root's (/var/log on a tmpfs); what is below may
 * not. */
CHILD_CODE long capus_make_directory(const struct capus_plan *plan, const struct capus_step *step) {
  const unsigned kept = 0755 | CAPUS_KEEP_OWNER | CAPUS_KEEP_MODE;
  const struct wanted place = {(uint32_t)raw0(SYS_geteuid), (uint32_t)raw0(SYS_getegid), kept};
  const struct wanted way = {plan->expected.uid, plan->expected.gid, kept};
  const struct wanted last = {(uint32_t)step->first, (uint32_t)step->second, step->small};
  char name[NAME_LIMIT + 1];
  const char *path = step->text;
  struct walk walk;
  long result = capus_walk(&walk, step->base, WALK_LAST_LINK, 0755);
  if (result < 0)
    return result;
  long directory = enter(plan, &place, walk.directory, walk.name), more;
  raw1(SYS_close, walk.directory);
  if (directory < 0)
    return directory;
  for (result = -EINVAL; (more = next_name(&path, name)) > 0; result = 0) {
    const long inner = enter(plan, *path ? &way : &last, directory, name);
    raw1(SYS_close, directory);
    if (inner < 0)
      return inner;
    directory = inner;
  }
  if (more < 0)
    result = more;
  if (result == 0)
    return directory;
  raw1(SYS_close, directory);
  return result;
}
