#include <errno.h>

#include "steps.h"
#include "walk.h"

/* Everything in this file runs in the child. */

enum { NAME_LIMIT = 255 };

/* One directory below another, made with mode 0755 whatever the umask if it is not there; its
 * descriptor, or -errno. A symbolic link in the place of either is refused. */
CHILD long enter(int parent, const char *name) {
  long made = raw3(SYS_mkdirat, parent, name, 0755);
  if (made < 0 && made != -EEXIST)
    return made;
  long directory =
      raw4(SYS_openat, parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (directory >= 0 && made == 0)
    raw2(SYS_fchmod, directory, 0755);
  return directory;
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
CHILD long open_base(const char *base) {
  struct walk walk;
  long result = capus_walk(&walk, base, WALK_LAST_LINK, 0755);
  if (result < 0)
    return result;
  result = enter((int)walk.directory, walk.name);
  raw1(SYS_close, walk.directory);
  return result;
}

/* Makes base/path with mode 0755 and gives its last directory to the user. */
CHILD_CODE long capus_make_directory(const struct capus_step *step) {
  char name[NAME_LIMIT + 1];
  const char *path = step->text;
  long directory = open_base(step->base);
  if (directory < 0)
    return directory;
  for (bool below = false;; below = true) {
    long more = next_name(&path, name);
    if (more < 0 || (more == 0 && !below)) {
      raw1(SYS_close, directory);
      return more < 0 ? more : -EINVAL;
    }
    if (more == 0)
      break;
    long inner = enter((int)directory, name);
    raw1(SYS_close, directory);
    if (inner < 0)
      return inner;
    directory = inner;
  }
  long result = raw3(NR_FCHOWN, directory, step->first, step->second);
  raw1(SYS_close, directory);
  return result;
}
