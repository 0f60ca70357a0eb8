#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop.h"
#include "raw.h"

static void inspect_capabilities(struct capus_self *self) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {0};
  if (raw2(SYS_capget, &header, data) == 0) {
    self->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    self->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  }
  for (uint32_t capability = 0; capability < 64; capability++) {
    int present = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0)
      break;
    self->last_capability = capability;
    self->bounding |= (uint64_t)(present == 1) << capability;
  }
}

void capus_inspect(struct capus_self *self) {
  *self = (struct capus_self){0};
  self->pid = getpid();
  self->uid = geteuid();
  self->gid = getegid();
  long count = raw2(NR_GETGROUPS, 64, self->groups);
  self->group_count = count < 0 ? -1 : (int32_t)count;
  inspect_capabilities(self);
  self->nice = getpriority(PRIO_PROCESS, 0);
  for (int resource = 0; resource < 16; resource++)
    raw4(SYS_prlimit64, 0, resource, 0, self->limits[resource]);
}
