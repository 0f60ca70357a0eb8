#include "include/tree.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "include/loop.h"
#include "raw.h"

static uint64_t mark_of(int32_t pid) {
  uint64_t limit[2];
  if (raw4(SYS_prlimit64, pid, RLIMIT_LOCKS, 0, limit) < 0 || limit[0] / CAPUS_MARK != 1)
    return 0;
  return limit[0];
}

int32_t capus_kin(int32_t pid, const struct capus_tree *tree) {
  if (pid <= 1 || pid == capus_pid())
    return 0;
  const long session = raw1(SYS_getsid, pid);
  const uint64_t mark = mark_of(tree->main);
  return pid == tree->main || (session > 0 && session == tree->session) ||
         (tree->main > 0 && mark > 0 && mark == mark_of(pid));
}

int32_t capus_left(const struct capus_tree *tree) {
  struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[1];
  };
  _Alignas(8) char entries[1024];
  siginfo_t end;
  int32_t found = 0;
  const int fd = raw_open("/proc", O_RDONLY | O_DIRECTORY);
  long count;
  while (found == 0 && (count = raw3(SYS_getdents64, fd, entries, sizeof entries)) > 0)
    for (long at = 0; at < count && found == 0;) {
      const struct entry *entry = (const struct entry *)(const void *)(entries + at);
      int32_t pid = 0;
      for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
        pid = 10 * pid + *digit - '0';
      at += entry->size;
      end.si_pid = 0;
      if (pid != tree->main && capus_kin(pid, tree) &&
          raw5(SYS_waitid, P_PID, pid, &end, WEXITED | WNOHANG | WNOWAIT, 0) == 0 &&
          end.si_pid == 0)
        found = pid;
    }
  if (fd >= 0)
    raw1(SYS_close, fd);
  return found;
}

int32_t capus_session(int32_t pid) {
  const long session = raw1(SYS_getsid, pid);
  return session == raw1(SYS_getsid, 0) || session < 0 ? 0 : (int32_t)session;
}

int32_t capus_signal_group(int32_t pid, int32_t session, int32_t number) {
  const long group = raw1(SYS_getpgid, pid);
  int32_t result = -ESRCH;
  if (group > 1 && group != raw1(SYS_getpgid, 0))
    result = capus_kill((int32_t)-group, number);
  if (session > 1 && session != group && capus_kill(-session, number) == 0)
    result = 0;
  return result;
}
