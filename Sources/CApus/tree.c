#include "include/tree.h"

#include <errno.h>
#include <stddef.h>

#include "include/board.h"
#include "include/loop.h"
#include "raw.h"

enum { NAME_BYTES = 16, DEEPEST = 32 };

struct status {
  char name[NAME_BYTES];
  char state;
  int32_t parent;
  int32_t session;
  uint64_t start;
  uint32_t uid;
};

static uint64_t number(const char **at) {
  uint64_t value = 0;
  while (**at == ' ')
    ++*at;
  if (**at == '-')
    ++*at;
  for (; **at >= '0' && **at <= '9'; ++*at)
    value = 10 * value + (uint64_t)(**at - '0');
  return value;
}

/* What /proc/PID/stat says (proc(5)); the name may hold anything, so its end is the last ')'. */
static int look(int32_t pid, struct status *status) {
  char path[40], text[512];
  struct raw_status file;
  capus_proc_path(path, pid, "stat");
  const int fd = raw_open(path, O_RDONLY);
  if (fd < 0)
    return fd;
  const long count = raw3(SYS_read, fd, text, sizeof text - 1);
  const int known = raw_stat(fd, "", AT_EMPTY_PATH, &file);
  raw1(SYS_close, fd);
  if (count <= 0 || known < 0)
    return -ESRCH;
  text[count] = 0;
  const char *at = text, *end = text + count;
  while (*at != 0 && *at != '(')
    at++;
  while (end > at && *end != ')')
    end--;
  for (int index = 0; index < NAME_BYTES; index++)
    status->name[index] = at + 1 + index < end ? at[1 + index] : 0;
  if (end <= at || end[1] != ' ')
    return -EINVAL;
  status->state = end[2];
  status->uid = file.uid;
  at = end + 3;
  status->parent = (int32_t)number(&at);
  number(&at); /* the process group */
  status->session = (int32_t)number(&at);
  for (int field = 7; field < 22; field++)
    number(&at);
  status->start = number(&at);
  return 0;
}

static int is_own(const struct status *status, const struct status *main,
                  const struct capus_tree *tree) {
  return status->start >= main->start && (tree->uid == 0 || status->uid == tree->uid);
}

int32_t capus_kin(int32_t pid, struct capus_tree *tree) {
  struct status status, main;
  const int32_t own = capus_pid();
  const int has_main = tree->main > 0 && look(tree->main, &main) == 0;
  for (int depth = 0; pid > 1 && pid != own && depth < DEEPEST; depth++) {
    if (look(pid, &status) < 0 || (depth == 0 && (status.state == 'Z' || status.state == 'X')))
      return 0;
    if (pid == tree->main || (tree->session > 0 && status.session == tree->session))
      return 1;
    if (status.parent == own)
      return has_main && is_own(&status, &main, tree) ? pid : 0;
    pid = status.parent;
  }
  return 0;
}

int32_t capus_next_left(int32_t after, struct capus_tree *tree) {
  struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[1];
  };
  _Alignas(8) char entries[2048];
  struct status status, main;
  const int32_t own = capus_pid();
  int32_t best = 0;
  const int fd = look(tree->main, &main) == 0 ? raw_open("/proc", O_RDONLY | O_DIRECTORY) : -1;
  long count;
  while ((count = raw3(SYS_getdents64, fd, entries, sizeof entries)) > 0)
    for (long at = 0; at < count;) {
      const struct entry *entry = (const struct entry *)(const void *)(entries + at);
      const char *digits = entry->name;
      at += entry->size;
      const int32_t pid = (int32_t)number(&digits);
      if (pid <= after || pid == tree->main || (best > 0 && pid > best) || look(pid, &status) < 0)
        continue;
      if (status.parent != own || status.state == 'Z' || status.state == 'X' ||
          (status.session != tree->session && !is_own(&status, &main, tree)))
        continue;
      tree->is_namesake = 1;
      for (int index = 0; index < NAME_BYTES; index++)
        if (status.name[index] != main.name[index])
          tree->is_namesake = 0;
      best = pid;
    }
  if (fd >= 0)
    raw1(SYS_close, fd);
  return best;
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
