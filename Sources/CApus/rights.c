/* The child's steps that need nothing but a system call or two: how it is scheduled, what it may
 * use, and as whom and with which capabilities it runs. All of it runs in the child. */
#include "steps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "raw.h"

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#endif

enum { GROUP_LIMIT = 64, IOPRIO_WHO_PROCESS = 1 };

SHARED long control(long option, unsigned long second, unsigned long third) {
  return raw5(SYS_prctl, option, second, third, 0, 0);
}

/* How many descriptors the kernel lets any process have (fs.nr_open). */
CHILD uint64_t most_descriptors(void) {
  char text[24] = "";
  uint64_t most = 0;
  long fd = raw4(SYS_openat, AT_FDCWD, "/proc/sys/fs/nr_open", O_RDONLY | O_CLOEXEC, 0);
  long count = raw3(SYS_read, fd, text, sizeof text);
  raw1(SYS_close, fd);
  for (long at = 0; at < count && text[at] >= '0' && text[at] <= '9'; at++)
    most = 10 * most + (uint64_t)(text[at] - '0');
  return most > 0 ? most : 1048576;
}

/* A limit that is above what there is becomes what there is: for descriptors the kernel's own
 * limit, without CAP_SYS_RESOURCE the one of apus. The plan says so to the parent. */
CHILD long set_limit(struct capus_plan *plan, const struct capus_step *step) {
  uint64_t limit[2] = {step->first, step->second}, most[2];
  long result = raw4(SYS_prlimit64, 0, step->small, limit, 0);
  for (int attempt = 0; attempt < 2 && result == -EPERM; attempt++) {
    if (attempt == 0 && step->small != RLIMIT_NOFILE)
      continue;
    if (attempt == 0)
      most[1] = most_descriptors();
    else if (raw4(SYS_prlimit64, 0, step->small, 0, most) < 0)
      break;
    for (int half = 0; half < 2; half++)
      if (limit[half] > most[1])
        limit[half] = most[1];
    result = raw4(SYS_prlimit64, 0, step->small, limit, 0);
    if (result == 0)
      plan->clamped = (int32_t)(plan->clamped | 1 << step->small);
  }
  return result;
}

CHILD long drop_bounding(uint64_t bits) {
  for (int capability = 0; capability < 64; capability++) {
    if (!(bits >> capability & 1))
      continue;
    long result = control(PR_CAPBSET_DROP, capability, 0);
    if (result < 0)
      return result;
  }
  return 0;
}

CHILD long set_capabilities(uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  for (int half = 0; half < 2; half++) {
    data[half].permitted = (uint32_t)(permitted >> 32 * half);
    data[half].effective = data[half].permitted;
    data[half].inheritable = (uint32_t)(inheritable >> 32 * half);
  }
  return raw2(SYS_capset, &header, data);
}

CHILD long set_ambient(uint64_t bits) {
  long result = control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);
  for (int capability = 0; capability < 64 && result == 0; capability++)
    if (bits >> capability & 1)
      result = control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
  return result;
}

CHILD bool capabilities_match(const struct capus_expected *expected) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (raw2(SYS_capget, &header, data) < 0)
    return false;
  for (int half = 0; half < 2; half++) {
    uint32_t permitted = (uint32_t)(expected->permitted >> 32 * half);
    if (data[half].permitted != permitted || data[half].effective != permitted ||
        data[half].inheritable != (uint32_t)(expected->inheritable >> 32 * half))
      return false;
  }
  for (uint32_t capability = 0; capability <= expected->last_capability && capability < 64;
       capability++) {
    long bit = expected->ambient >> capability & 1;
    if (control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability) != bit)
      return false;
    if ((expected->bounding_dropped >> capability & 1) &&
        control(PR_CAPBSET_READ, capability, 0) != 0)
      return false;
  }
  return true;
}

/* The kernel keeps the groups sorted, and so does the plan. */
CHILD bool groups_match(const struct capus_plan *plan) {
  uint32_t groups[GROUP_LIMIT];
  long count = raw2(NR_GETGROUPS, GROUP_LIMIT, groups);
  if (count != (long)plan->group_count)
    return false;
  for (long index = 0; index < count; index++)
    if (groups[index] != plan->groups[index])
      return false;
  return true;
}

/* Real, effective and saved. */
SHARED bool ids_are(long call, uint32_t id) {
  uint32_t ids[3];
  return raw3(call, &ids[0], &ids[1], &ids[2]) == 0 && ids[0] == id && ids[1] == id && ids[2] == id;
}

CHILD long verify(const struct capus_plan *plan) {
  const struct capus_expected *expected = &plan->expected;
  if (!ids_are(NR_GETRESUID, expected->uid) || !ids_are(NR_GETRESGID, expected->gid))
    return -EPERM;
  if (expected->check_groups && !groups_match(plan))
    return -EPERM;
  if (expected->check_capabilities && !capabilities_match(expected))
    return -EPERM;
  if (expected->no_new_privileges && control(PR_GET_NO_NEW_PRIVS, 0, 0) != 1)
    return -EPERM;
  if (expected->secure_bits) {
    long bits = control(PR_GET_SECUREBITS, 0, 0);
    if (bits < 0 || (bits & ~SECBIT_KEEP_CAPS) != (expected->secure_bits & ~SECBIT_KEEP_CAPS))
      return -EPERM;
  }
  return 0;
}

CHILD_CODE long capus_take_right(struct capus_plan *plan, const struct capus_step *step) {
  switch ((enum capus_operation)step->operation) {
  case CAPUS_LIMIT:
    return set_limit(plan, step);
  case CAPUS_NICE:
    return raw3(SYS_setpriority, 0, 0, (long)(int64_t)step->first);
  case CAPUS_SCHEDULER: {
    int priority = (int)step->first;
    return raw3(SYS_sched_setscheduler, 0, step->small, &priority);
  }
  case CAPUS_IO_PRIORITY:
    return raw3(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, step->small);
  case CAPUS_PROCESSORS:
    return raw3(SYS_sched_setaffinity, 0, step->first, step->text);
  case CAPUS_BOUNDING_SET:
    return drop_bounding(step->first);
  case CAPUS_KEEP:
    return control(PR_SET_KEEPCAPS, 1, 0);
  case CAPUS_GROUPS:
    return raw2(NR_SETGROUPS, plan->group_count, plan->groups);
  case CAPUS_GID:
  case CAPUS_UID: {
    const long call = step->operation == CAPUS_GID ? NR_SETRESGID : NR_SETRESUID;
    const long result = raw3(call, step->first, step->first, step->first);
    /* The kernel has just made that fs.suid_dumpable. */
    control(PR_SET_DUMPABLE, 0, 0);
    return result;
  }
  case CAPUS_CAPABILITIES:
    return set_capabilities(step->first, step->second);
  case CAPUS_AMBIENT_SET:
    return set_ambient(step->first);
  case CAPUS_SECURE_BITS:
    return control(PR_SET_SECUREBITS, step->first, 0);
  case CAPUS_NO_NEW_PRIVILEGES:
    return control(PR_SET_NO_NEW_PRIVS, 1, 0);
  case CAPUS_VERIFY:
    return verify(plan);
  default:
    return -EINVAL;
  }
}
