#include <errno.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "steps.h"
#include "walk.h"

/* Everything in this file runs in the child, in namespaces of its own: what a failed start has made
 * goes with it. */

/* Newer than some C libraries' headers; the same on every architecture. Linux 5.2, and 5.12 for
 * read-only trees: older kernels answer ENOSYS, and the start fails. */
enum { NR_OPEN_TREE = 428, NR_MOVE_MOUNT = 429, NR_MOUNT_SETATTR = 442 };
/* OPEN_TREE_CLONE, AT_RECURSIVE; MOVE_MOUNT_F_EMPTY_PATH, and links and automounts followed; both
 * take an empty path for the descriptor itself. */
enum {
  TREE = 1 | O_CLOEXEC | 0x8000 | AT_EMPTY_PATH,
  ONTO = 4 | 0x10 | 0x20 | 0x40,
  RECURSIVE = 0x8000
};
enum { NEW_HOSTNAME = 0x04000000 };
enum { NO_LINK = 0x100, NEW_MOUNTS = 0x20000, NEW_NETWORK = 0x40000000, HOLES = 128 };

/* Behind the end of a string in a list of strings. */
SHARED const char *after(const char *text) {
  while (*text++)
    continue;
  return text;
}

/* A copy of what is mounted at a path and below, with a descriptor for its only name. */
SHARED long copy_tree(long directory, const char *path) {
  return raw3(NR_OPEN_TREE, directory, path, TREE);
}

/* Mounts a copy and closes its descriptor. */
SHARED long place_at(long tree, long directory, const char *path) {
  if (tree < 0)
    return tree;
  long result = raw5(NR_MOVE_MOUNT, tree, "", directory, path, ONTO);
  raw1(SYS_close, tree);
  return result;
}

SHARED long place(long tree, const char *path) {
  return place_at(tree, AT_FDCWD, path);
}

SHARED long set_read_only(long directory, const char *path) {
  static const uint64_t attributes[4] = {1 /* MOUNT_ATTR_RDONLY */};
  return raw5(NR_MOUNT_SETATTR, directory, path, RECURSIVE | AT_EMPTY_PATH, attributes,
              sizeof attributes);
}

SHARED long mount_new(const char *type, const char *path, unsigned long flags, const char *data) {
  return raw5(SYS_mount, type, path, type, MS_NOSUID | flags, data);
}

/* What is not there needs no protection. */
CHILD long unless_missing(long result) {
  return result == -ENOENT ? 0 : result;
}

CHILD long protect(const char *path) {
  long tree = copy_tree(AT_FDCWD, path);
  long result = tree < 0 ? 0 : set_read_only(tree, "");
  if (result < 0) {
    raw1(SYS_close, tree);
    return result;
  }
  return unless_missing(place(tree, path));
}

/* An empty directory in the place of one, /dev/null in that of anything else. */
CHILD long hide(const struct capus_plan *plan, const char *path) {
  long result = mount_new("tmpfs", path, MS_RDONLY | MS_NODEV | MS_NOEXEC, "mode=0555");
  if (result == -ENOTDIR)
    result = place(copy_tree(plan->devices, "null"), path);
  return unless_missing(result);
}

CHILD long make_namespaces(struct capus_plan *plan) {
  long result = raw1(SYS_unshare, NEW_MOUNTS);
  if (result < 0)
    return result;
  /* Nothing that is done here is seen outside; what is mounted outside later would be writable. */
  result = raw5(SYS_mount, 0, "/", 0, MS_REC | (plan->is_read_only ? MS_PRIVATE : MS_SLAVE), 0);
  if (result < 0)
    return result;
  result = raw4(SYS_openat, AT_FDCWD, "/dev", O_PATH | O_CLOEXEC, 0);
  plan->devices = (int32_t)result;
  return unless_missing(result);
}

CHILD long make_network(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  long result = raw1(SYS_unshare, NEW_NETWORK);
  if (result < 0)
    return result;
  long fd = raw3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  result = raw3(SYS_ioctl, fd, SIOCSIFFLAGS, &request);
  raw1(SYS_close, fd);
  return result;
}

/* A copy of the root comes to lie on /, where no number of `..` leads out of it. Links are followed
 * as on the way to a file; with a slash or dots at its end the path is no place to walk to. */
CHILD long enter_root(const struct capus_plan *plan) {
  struct walk walk;
  long result = capus_walk(&walk, plan->root, WALK_LAST_LINK, -1);
  if (result < 0 && result != -EINVAL)
    return result;
  const long tree = result < 0 ? copy_tree(AT_FDCWD, plan->root)
                               : raw3(NR_OPEN_TREE, walk.directory, walk.name, TREE | NO_LINK);
  raw1(SYS_close, walk.directory);
  if (tree < 0)
    return tree;
  result = raw1(SYS_fchdir, tree);
  if (result == 0)
    result = place(tree, "/");
  return result < 0 ? result : raw1(SYS_chroot, ".");
}

CHILD long make_temporary(const char *path) {
  return unless_missing(mount_new("tmpfs", path, MS_NODEV, "mode=1777"));
}

/* A file for something to be laid onto, with its directories. */
CHILD long make_file(const char *path) {
  struct walk walk;
  long result = capus_walk(&walk, path, WALK_TRUSTED_LINKS, 0755);
  if (result < 0)
    return result;
  result = raw4(SYS_mknodat, walk.directory, walk.name, S_IFREG, 0);
  raw1(SYS_close, walk.directory);
  return result == -EEXIST ? 0 : result;
}

/* Changes what is seen, with the notify channel in its place again if that is covered now. */
CHILD long change_view(const struct capus_plan *plan, unsigned step) {
  long channel = plan->channel ? copy_tree(AT_FDCWD, plan->channel) : -ENOENT;
  long result;
  if (step == CAPUS_SANDBOX_ROOT)
    result = enter_root(plan);
  else if ((result = make_temporary("/tmp")) == 0) {
    result = make_temporary("/var/tmp");
    /* Most channels are elsewhere. */
    if (plan->channel && raw3(SYS_faccessat, AT_FDCWD, plan->channel, 0) == 0)
      return result;
  }
  if (result == 0 && plan->channel)
    result = make_file(plan->channel);
  return result < 0 || !plan->channel ? result : place(channel, plan->channel);
}

CHILD long hole(bool is_placed, long directory, const char *path, int32_t *tree) {
  if (is_placed)
    return place_at(*tree, directory, path);
  long result = copy_tree(directory, path);
  *tree = (int32_t)result;
  return result;
}

/* Copies of what stays writable are taken before, and laid into the read-only tree after: so each
 * is as writable as it was, and no more. */
CHILD long make_read_only(const struct capus_plan *plan) {
  int32_t trees[HOLES];
  for (int is_placed = 0; is_placed < 2; is_placed++) {
    unsigned count = 0;
    long result = 0;
    if (is_placed)
      result = set_read_only(AT_FDCWD, "/");
    for (char **path = plan->paths[CAPUS_PATHS_WRITABLE]; *path && result >= 0; path++) {
      const long node = result = capus_open_trusted(*path, WALK_LAST_LINK);
      if (result >= 0)
        result = count == HOLES ? -E2BIG : hole(is_placed, node, "", &trees[count++]);
      raw1(SYS_close, node);
    }
    for (uint32_t index = 0; index < plan->step_count && result >= 0; index++) {
      const struct capus_step *step = &plan->steps[index];
      if (step->operation != CAPUS_DIRECTORY || step->small & CAPUS_STAYS_READ_ONLY)
        continue;
      const long directory = result = capus_make_directory(plan, step);
      if (result >= 0)
        result = count == HOLES ? -E2BIG : hole(is_placed, directory, "", &trees[count++]);
      raw1(SYS_close, directory);
    }
    if (result < 0)
      return result;
  }
  return 0;
}

CHILD long protect_kernel(const struct capus_plan *plan) {
  static const char paths[] = "/proc/sys\0/proc/sysrq-trigger\0/proc/irq\0/proc/bus\0/sys\0";
  for (const char *path = paths; *path; path = after(path)) {
    long result = protect(path);
    if (result < 0)
      return result;
  }
  return hide(plan, "/lib/modules");
}

/* Lays a device of the board onto the same name of the /dev that is being made, where it is there.
 */
CHILD long make_device(const struct capus_plan *plan, const char *path) {
  const long tree = copy_tree(plan->devices, path + sizeof "/dev/" - 1);
  if (tree == -ENOENT)
    return 0;
  const long result = tree < 0 ? tree : make_file(path);
  if (result < 0)
    raw1(SYS_close, tree);
  return result < 0 ? result : place(tree, path);
}

/* Devices are the board's own, bound: making some is a right that is not always there. */
CHILD long make_devices(const struct capus_plan *plan) {
  static const char names[] = "null\0zero\0full\0random\0urandom\0tty\0log\0";
  static const char links[] = "pts/ptmx\0ptmx\0/proc/self/fd\0fd\0/proc/self/fd/0\0stdin\0"
                              "/proc/self/fd/1\0stdout\0/proc/self/fd/2\0stderr\0";
  long result = mount_new("tmpfs", "/dev", MS_NODEV | MS_NOEXEC, "mode=0755");
  if (result == 0)
    result = raw1(SYS_chdir, "/dev");
  for (const char *name = names; *name && result == 0; name = after(name)) {
    long tree = copy_tree(plan->devices, name);
    if (tree == -ENOENT)
      continue;
    result = raw4(SYS_mknodat, AT_FDCWD, name, S_IFREG, 0);
    if (result == 0)
      result = place(tree, name);
  }
  for (const char *target = links; *target && result == 0;) {
    const char *name = after(target);
    result = raw3(SYS_symlinkat, target, AT_FDCWD, name);
    target = after(name);
  }
  if (result == 0)
    result = raw3(SYS_mkdirat, AT_FDCWD, "pts", 0755);
  if (result == 0)
    result = raw3(SYS_mkdirat, AT_FDCWD, "shm", 0755);
  if (result == 0)
    result = mount_new("devpts", "pts", MS_NOEXEC, "newinstance,gid=5,mode=0620,ptmxmode=0666");
  if (result == 0)
    result = mount_new("tmpfs", "shm", MS_NODEV, "mode=1777");
  for (char **path = plan->paths[CAPUS_PATHS_DEVICES]; *path && result >= 0; path++)
    result = make_device(plan, *path);
  if (result < 0)
    return result;
  return raw5(SYS_mount, 0, "/dev", 0,
              MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
}

CHILD long load_filter(const struct capus_plan *plan) {
  struct {
    uint16_t count;
    const struct capus_instruction *program;
  } filter = {plan->filter_count, plan->filter};
  if (filter.count == 0)
    return -EINVAL;
  return raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

CHILD_CODE long capus_sandbox(struct capus_plan *plan, unsigned step) {
  switch ((enum capus_sandbox_step)step) {
  case CAPUS_SANDBOX_NAMESPACES:
    return make_namespaces(plan);
  case CAPUS_SANDBOX_NETWORK:
    return make_network();
  case CAPUS_SANDBOX_ROOT:
  case CAPUS_SANDBOX_TEMPORARY:
    return change_view(plan, step);
  case CAPUS_SANDBOX_PROCESSES:
    /* By its word: before Linux 5.8 the number would be in force for everybody. */
    return unless_missing(mount_new("proc", "/proc", MS_NODEV | MS_NOEXEC,
                                    plan->hides_processes ? "hidepid=invisible" : 0));
  case CAPUS_SANDBOX_READ_ONLY:
    return make_read_only(plan);
  case CAPUS_SANDBOX_KERNEL:
    return protect_kernel(plan);
  case CAPUS_SANDBOX_DEVICES:
    return make_devices(plan);
  case CAPUS_SANDBOX_HIDE:
    for (char **path = plan->paths[CAPUS_PATHS_HIDDEN]; *path; path++) {
      long result = hide(plan, *path);
      if (result < 0)
        return result;
    }
    return 0;
  case CAPUS_SANDBOX_LANDLOCK:
    return capus_landlock(plan);
  case CAPUS_SANDBOX_FILTER:
    return load_filter(plan);
  case CAPUS_SANDBOX_HOSTNAME:
    return raw1(SYS_unshare, NEW_HOSTNAME);
  }
  return -EINVAL;
}
