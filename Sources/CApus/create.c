/* What a manifest has the board make: directories, files, links, FIFOs and devices. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "include/board.h"
#include "place.h"

enum { DEVICE = 4 }; /* the first of two kinds */

/* Is a link there that leads where it is meant to? */
static bool is_right(const struct walk *walk, const char *text) {
  char target[WALK_PATH];
  const long length = raw4(SYS_readlinkat, walk->directory, walk->name, target, sizeof target);
  return length == (long)strlen(text) && memcmp(target, text, (size_t)length) == 0;
}

/* Makes what is not there, so that nobody but its owner can use it yet. */
static long make(const struct walk *walk, const struct capus_creation *wanted, uint32_t type,
                 uint32_t mode) {
  mode &= 0700;
  switch (type) {
  case S_IFDIR:
    return raw3(SYS_mkdirat, walk->directory, walk->name, mode);
  case S_IFREG:
    return capus_write_anew(walk, wanted->text, strlen(wanted->text), mode);
  case S_IFLNK:
    return raw3(SYS_symlinkat, wanted->text, walk->directory, walk->name);
  default:
    return raw4(SYS_mknodat, walk->directory, walk->name, type | mode,
                (wanted->minor & 0xff) | wanted->major << 8 | (wanted->minor & ~0xffU) << 12);
  }
}

/* What is there is another kind of node, or nothing that may be given away: where others can put
 * something in its place, it may be another name of somebody else's. */
static long refusal(const struct walk *walk, const struct capus_creation *wanted,
                    const struct raw_status *status, uint32_t type) {
  if ((status->mode & S_IFMT) != type)
    return -EEXIST;
  if (type == S_IFDIR)
    return 0;
  if (wanted->kind >= DEVICE &&
      (status->special[0] != wanted->major || status->special[1] != wanted->minor))
    return -EEXIST;
  return status->links == 1 || (walk->is_fixed && walk->is_own) ? 0 : -EMLINK;
}

int32_t capus_create(const struct capus_creation *wanted) {
  static const uint16_t types[] = {S_IFDIR, S_IFREG, S_IFLNK, S_IFIFO, S_IFCHR, S_IFBLK};
  const uint32_t type = types[wanted->kind];
  const bool is_link = type == S_IFLNK;
  struct raw_status status;
  struct walk walk;
  long result =
      capus_walk(&walk, wanted->path, is_link ? WALK_TRUSTED_LINKS : WALK_LAST_LINK, 0755);
  if (result < 0)
    return (int32_t)result;
  raw1(SYS_umask, 0);
  if (is_link && !is_right(&walk, wanted->text))
    capus_clear(&walk, wanted->path, S_IFLNK);
  uint32_t mode = wanted->mode >= 0 ? (uint32_t)wanted->mode : type == S_IFDIR ? 0755 : 0644;
  result = raw_stat((int)walk.directory, walk.name, AT_SYMLINK_NOFOLLOW, &status);
  if (result == -ENOENT)
    result = make(&walk, wanted, type, mode);
  else if (result == 0 && wanted->mode < 0)
    mode = status.mode & 07777;
  if (result < 0)
    return (int32_t)result - CAPUS_CREATE_MAKE;
  const int node =
      (int)raw4(SYS_openat, walk.directory, walk.name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  result = node < 0 ? node : raw_stat(node, "", AT_EMPTY_PATH, &status);
  if (result == 0)
    result = refusal(&walk, wanted, &status, type);
  if (result < 0)
    return (int32_t)result - CAPUS_CREATE_MAKE;
  result = capus_own(node, type, is_link ? 0777 : mode, wanted->user, wanted->group);
  return (int32_t)result - (result < 0 ? CAPUS_CREATE_OWN : 0);
}
