#include <errno.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "steps.h"
#include "walk.h"

/* Everything in this file runs in the child. */

#if defined(__arm__)
#define NR_SETFSUID SYS_setfsuid32
#define NR_SETFSGID SYS_setfsgid32
#else
#define NR_SETFSUID SYS_setfsuid
#define NR_SETFSGID SYS_setfsgid
#endif

CHILD_CODE bool capus_may_write(const struct capus_plan *plan, const struct raw_status *directory) {
  if (directory->uid == plan->expected.uid || directory->mode & S_IWOTH)
    return true;
  bool is_member = directory->gid == plan->expected.gid;
  for (uint32_t index = 0; index < plan->group_count; index++)
    is_member = is_member || plan->groups[index] == directory->gid;
  return is_member && directory->mode & S_IWGRP;
}

CHILD_CODE void capus_act_as(uint32_t uid, uint32_t gid) {
  raw1(NR_SETFSGID, gid);
  raw1(NR_SETFSUID, uid);
}

CHILD_CODE void capus_act_as_self(void) {
  raw1(NR_SETFSUID, raw0(SYS_geteuid));
  raw1(NR_SETFSGID, raw0(SYS_getegid));
}

CHILD_CODE long capus_open_for(const struct capus_plan *plan, const char *path, int flags,
                               int mode) {
  struct walk walk;
  struct raw_status status;
  long result = capus_walk(&walk, path, WALK_LAST_LINK, -1);
  if (result < 0)
    return result;
  const bool is_foreign = plan->expected.check_groups && !(walk.is_fixed && walk.is_own);
  const bool is_theirs = is_foreign && ((flags & O_ACCMODE) == O_RDONLY || walk.stranger != 0 ||
                                        capus_may_write(plan, &walk.status));
  if (is_theirs) {
    /* Apus's own groups are of no use after this either. */
    result = raw2(NR_SETGROUPS, plan->group_count, plan->groups);
    capus_act_as(plan->expected.uid, plan->expected.gid);
  }
  if (result == 0)
    result = capus_open_node(&walk, flags, mode, &status);
  if (is_theirs)
    capus_act_as_self();
  raw1(SYS_close, walk.directory);
  return result;
}

CHILD_CODE long capus_open_stream(struct capus_plan *plan, const struct capus_step *step) {
  if (step->small >= plan->source_count)
    return -EINVAL;
  static const int ways[] = {O_RDONLY, O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_APPEND};
  if (step->first > 2)
    return -EINVAL;
  long fd = capus_open_for(plan, step->text, ways[step->first], (int)step->second);
  if (fd < 0)
    return fd;
  plan->sources[step->small] = (int32_t)fd;
  return 0;
}

/* Opened without waiting for a carrier, used with waiting, as getty expects it. */
CHILD_CODE long capus_take_terminal(struct capus_plan *plan, const struct capus_step *step) {
  if (plan->source_count < 3)
    return -EINVAL;
  long fd = capus_open_for(plan, step->text, O_RDWR | O_NONBLOCK, 0);
  if (fd < 0)
    return fd;
  long flags = raw2(NR_FCNTL, fd, F_GETFL);
  if (flags < 0)
    return flags;
  long result = raw3(NR_FCNTL, fd, F_SETFL, flags & ~O_NONBLOCK);
  if (result < 0)
    return result;
  result = raw3(SYS_ioctl, fd, TIOCSCTTY, 1);
  if (result < 0)
    return result;
  for (int target = 0; target < 3; target++)
    plan->sources[target] = (int32_t)fd;
  return 0;
}

CHILD_CODE long capus_close_range(unsigned first, unsigned last) {
  struct {
    uint64_t soft, hard;
  } limit;
  if (raw3(NR_CLOSE_RANGE, first, last, 0) == 0)
    return 0;
  long result = raw4(SYS_prlimit64, 0, 7, 0, &limit);
  if (result < 0)
    return result;
  for (uint64_t fd = first; fd <= last && fd < limit.soft && fd < 1048576; fd++)
    raw1(SYS_close, fd);
  return 0;
}

/* First everything out of the way of the targets, then each to its place: no order of sources can
 * overwrite one that is still needed. The report pipe comes right after them. */
CHILD_CODE long capus_place_descriptors(struct capus_plan *plan) {
  const int count = (int)plan->source_count;
  long fd = raw3(NR_FCNTL, plan->report, F_DUPFD_CLOEXEC, count + 1);
  if (fd < 0)
    return fd;
  plan->report = (int32_t)fd;
  for (int target = 0; target < count; target++) {
    if (plan->sources[target] < 0 || plan->sources[target] > count)
      continue;
    fd = raw3(NR_FCNTL, plan->sources[target], F_DUPFD_CLOEXEC, count + 1);
    if (fd < 0)
      return fd;
    plan->sources[target] = (int32_t)fd;
  }
  for (int target = 0; target < count; target++) {
    long result = plan->sources[target] < 0 ? raw1(SYS_close, target)
                                            : raw3(SYS_dup3, plan->sources[target], target, 0);
    if (result < 0 && result != -EBADF)
      return result;
    if (result < 0 && plan->sources[target] >= 0)
      return result;
  }
  fd = raw3(SYS_dup3, plan->report, count, O_CLOEXEC);
  if (fd < 0)
    return fd;
  plan->report = (int32_t)fd;
  return capus_close_range((unsigned)count + 1, ~0U);
}
