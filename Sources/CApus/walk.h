/* Paths, walked one component at a time by descriptors, so that nobody who can write to a directory
 * on the way decides where a node ends up (CVE-2018-6954 and its kin). Plain system calls alone:
 * children that share their parent's memory walk too. */
#ifndef CAPUS_WALK_H
#define CAPUS_WALK_H

#include <limits.h>
#include <stdbool.h>

#include "raw.h"
#include "steps.h"

enum {
  WALK_PATH = 1024, /* bytes of a path, with the targets of links on the way */
  WALK_LINKS = 8,   /* how many links are followed */
  CAPUS_LINK_BYTES = 36 + NAME_MAX,
  CAPUS_NOBODY = 65534,
};

/* Which links of the way are followed. */
enum walk_links {
  /* Those that root, or who apus runs as, owns in a directory that nobody else may write to:
   * /var/run on most boards. Any other is -ELOOP. */
  WALK_TRUSTED_LINKS,
  /* The same, and in the last component too. */
  WALK_LAST_LINK,
  /* So, but those of root alone: for a child that has become another user. */
  WALK_ROOTS_LINK,
  /* With one of those: -EXDEV where the way leads into a file system that may never answer, before
   * it is asked anything. */
  WALK_LOCAL = 4,
};

struct walk {
  long directory;   /* what holds the last component, an O_PATH descriptor */
  const char *name; /* the last component */
  /* How many bytes of the path there are up to the end of the component that failed, or else of
   * the first one that others may put something else in the place of; 0 without one. */
  uint32_t culprit;
  bool is_fixed; /* nobody but root and who apus runs as can have the path lead elsewhere */
  bool is_own;   /* nobody else may change what is in the directory */
  /* Who owns the first directory on the way that is not root's or apus's own, nobody's for one that
   * everybody may write to without the sticky bit; 0 without one. */
  uint32_t stranger;
  struct raw_status status; /* of the directory */
  char text[WALK_PATH];
};

/* Does the file system of a node answer by itself, whatever a network or another process does? That
 * of the root counts as one: nothing would go on without it. Not for children that share memory. */
bool capus_is_local(const struct raw_status *status, const struct raw_status *root);
/* Root, or who apus runs as: nobody it could be protected from. */
CHILD_CODE bool capus_is_trusted(uint32_t uid);
/* Opens the directory of an absolute path, making directories that are missing with exactly that
 * mode, or failing with -ENOENT where that is negative. 0, or -errno: -ELOOP for a link that is not
 * to be trusted, -ENOTDIR for another kind of node, -EINVAL for a path that is relative, holds `.`
 * or `..`, or ends in a slash. The caller closes the directory. */
CHILD_CODE long capus_walk(struct walk *walk, const char *path, enum walk_links links, int mode);
/* Opens what the walk leads to as openat(2) does, never through a link in its place, and tells what
 * it is. Where others may change the path or the directory it must be a regular file that no other
 * name leads to: -EEXIST and -EMLINK; -ELOOP for a link, -EISDIR for a directory. */
CHILD_CODE long capus_open_node(const struct walk *walk, int flags, int mode,
                                struct raw_status *status);
/* What a path of the manifest leads to, of any kind, as an O_PATH descriptor: through links that
 * are to be trusted, also the last; -ELOOP through any other. The root, and a path with a `.` in
 * it, as openat(2) sees them. */
CHILD_CODE long capus_open_trusted(const char *path, enum walk_links links);
/* Writes the path of a descriptor, or of a name in a directory it stands for, in /proc. */
CHILD_CODE void capus_link_path(char *path, long fd, const char *name);

#endif
