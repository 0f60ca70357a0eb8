/* Who may look into the memory of apus, which its children share up to execve(2).
 *
 * For the kernel that is a property of the memory (PR_SET_DUMPABLE), which a change of ids sets to
 * fs.suid_dumpable (commit_creds). A change of capabilities alone leaves it as it is. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "include/child.h"
#include "raw.h"

void capus_hide_memory(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {0};
  const int is_root = raw0(SYS_geteuid) == 0;
  raw2(SYS_capget, &header, data);
  /* What has nothing to lose stays open to the debugger of its user. */
  if (is_root || data[0].permitted != 0 || data[1].permitted != 0)
    raw5(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Before Linux 5.16 a core dump of one process ended all that shared its memory. */
static int is_before_5_16(void) {
  struct utsname system;
  const char *at = system.release;
  if (raw1(SYS_uname, &system) < 0)
    return 1;
  const int64_t major = raw_number(&at);
  if (*at == '.')
    at++;
  return major < 5 || (major == 5 && raw_number(&at) < 16);
}

int32_t capus_memory_is_exposed(void) {
  static int fd = -1;
  static int8_t is_old = -1;
  char value = 0;
  if (fd < 0)
    fd = raw_open("/proc/sys/fs/suid_dumpable", O_RDONLY);
  const long count = fd < 0 ? fd : raw4(SYS_pread64, fd, &value, 1, 0);
  if (count == 1 && value == '0')
    return 0;
  if (count != 1 || value != '2')
    return 1;
  if (is_old < 0)
    is_old = (int8_t)is_before_5_16();
  return is_old;
}
