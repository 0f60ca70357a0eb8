#include <errno.h>

#include "steps.h"
#include "walk.h"

/* Everything in this file runs in the child. */

enum { NAME_LIMIT = 255 };

/* One directory below another, made with mode 0755 whatever the umask if it is not there; its
 * descriptor, or -errno. A symbolic link in the place of either is refused. */
CHILD long enter(const struct capus_plan *plan, const struct capus_step *step, long parent,
                 const char *name) {
  struct raw_status status;
  long result = raw_stat((int)parent, "", AT_EMPTY_PATH, &status);
  if (result < 0)
    return result;
  const bool is_others = !capus_is_trusted(status.uid);
  const bool is_theirs = plan->expected.check_groups && capus_may_write(plan, &status);
  const uint32_t user = (uint32_t)step->first, maker = is_others ? status.uid : user;
  if (is_others || is_theirs) {
    if (plan->expected.check_groups)
      raw2(NR_SETGROUPS, plan->group_count, plan->groups);
    capus_act_as(maker, is_others ? status.gid : (uint32_t)step->second);
  }
  const long made = raw3(SYS_mkdirat, parent, name, 0755);
  if (is_others || is_theirs)
    capus_act_as_self();
  if (made < 0 && made != -EEXIST)
    return made;
  long directory =
      raw4(SYS_openat, parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (directory < 0)
    return directory;
  result = raw_stat((int)directory, "", AT_EMPTY_PATH, &status);
  /* Who may change names there may have put something else in its place. */
  if (result == 0 && (is_others || is_theirs) && status.uid != user && status.uid != maker)
    result = -EPERM;
  if (result == 0 && made == 0)
    result = raw2(SYS_fchmod, directory, 0755);
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
  *path = from;
  if (length == 0)
    return 0;
  if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
    return -EINVAL;
  return 1;
}

/* The place itself may be reached through links of root's (/var/log on a tmpfs); what is below may
 * not. */
CHILD_CODE long capus_make_directory(const struct capus_plan *plan, const struct capus_step *step) {
  char name[NAME_LIMIT + 1];
  const char *path = step->text;
  struct raw_status status;
  struct walk walk;
  long result = capus_walk(&walk, step->base, WALK_LAST_LINK, 0755);
  if (result < 0)
    return result;
  long directory = enter(plan, step, walk.directory, walk.name), more;
  raw1(SYS_close, walk.directory);
  if (directory < 0)
    return directory;
  for (result = -EINVAL; (more = next_name(&path, name)) > 0; result = 0) {
    const long inner = enter(plan, step, directory, name);
    raw1(SYS_close, directory);
    if (inner < 0)
      return inner;
    directory = inner;
  }
  if (more < 0)
    result = more;
  if (result == 0)
    result = raw_stat((int)directory, "", AT_EMPTY_PATH, &status);
  if (result == 0 && (status.uid != step->first || status.gid != step->second))
    result = raw3(NR_FCHOWN, directory, step->first, step->second);
  if (result == 0)
    return directory;
  raw1(SYS_close, directory);
  return result;
}
