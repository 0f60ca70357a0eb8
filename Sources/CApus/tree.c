#include "include/tree.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "include/cgroup.h"
#include "include/loop.h"
#include "raw.h"

static uint64_t mark_of(int32_t pid) {
  uint64_t limit[2];
  if (raw4(SYS_prlimit64, pid, RLIMIT_LOCKS, 0, limit) < 0 || limit[0] / CAPUS_MARK != 1)
    return 0;
  return limit[0];
}

uint64_t capus_mark(int32_t pid) {
  return pid > 0 ? mark_of(pid) : 0;
}

/* Who a process acts as: what its folder in /proc belongs to, whatever its memory is. */
static int is_of(int32_t pid, uint32_t uid) {
  char path[32];
  struct raw_status status;
  raw_decimal(raw_text(path, "/proc/"), (uint32_t)pid);
  return raw_stat(AT_FDCWD, path, 0, &status) == 0 && status.uid == uid;
}

int32_t capus_kin(int32_t pid, const struct capus_tree *tree) {
  if (pid <= 1 || pid == capus_pid())
    return 0;
  if (pid == tree->main)
    return 1;
  const int32_t is_in = tree->service == NULL ? -ENOENT : capus_cgroup_has(tree->service, pid);
  if (is_in >= 0)
    return is_in;
  const long session = raw1(SYS_getsid, pid);
  return (session > 0 && session == tree->session) ||
         (tree->main > 0 && tree->mark > 0 && tree->mark == mark_of(pid) && is_of(pid, tree->uid));
}

/* A child of ours that lives, besides the main process. */
static int32_t is_left(int32_t pid, int32_t main) {
  siginfo_t end = {0};
  return pid > 1 && pid != main &&
         raw5(SYS_waitid, P_PID, pid, &end, WEXITED | WNOHANG | WNOWAIT, 0) == 0 && end.si_pid == 0;
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
  int32_t found =
      tree->service == NULL ? -ENOENT : capus_cgroup_each(tree->service, is_left, tree->main);
  if (found >= 0)
    return found;
  found = 0;
  const int fd = raw_open("/proc", O_RDONLY | O_DIRECTORY);
  long count;
  while (found == 0 && (count = raw3(SYS_getdents64, fd, entries, sizeof entries)) > 0)
    for (long at = 0; at < count && found == 0;) {
      const struct entry *entry = (const struct entry *)(const void *)(entries + at);
      int32_t pid = 0;
      for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
        pid = 10 * pid + *digit - '0';
      at += entry->size;
      if (is_left(pid, tree->main) && capus_kin(pid, tree))
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
