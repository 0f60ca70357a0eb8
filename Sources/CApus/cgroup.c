#include "cgroup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "raw.h"

enum { NAME_BYTES = 128, LISTED_BYTES = 4096, ROUNDS = 8, LIMITS = 7, CPU_MAX = 3, OPTIONAL = 7 };
#define OPEN_PLACE (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* The place of the groups, or why there is none. */
static int place = -ENODEV;
static char mark[32] = "apus";
/* Its path below the root of the hierarchy as it is seen from here, without a slash at either end.
 */
static char place_path[LISTED_BYTES];
/* apus is in a group of its own there. */
static bool is_apart;

static int open_below(int directory, const char *path, int flags) {
  return (int)raw4(SYS_openat, directory, path, flags | O_CLOEXEC, 0);
}

static int put(int directory, const char *file, const char *text) {
  int fd = open_below(directory, file, O_WRONLY);
  if (fd < 0)
    return fd;
  long written = raw3(SYS_write, fd, text, strlen(text));
  raw1(SYS_close, fd);
  return written < 0 ? (int)written : 0;
}

/* The beginning of a file that fits, ended by a NUL. */
static long get(int directory, const char *file, char *text, size_t capacity) {
  int fd = open_below(directory, file, O_RDONLY);
  if (fd < 0)
    return fd;
  long count = raw3(SYS_read, fd, text, capacity - 1);
  raw1(SYS_close, fd);
  text[count < 0 ? 0 : count] = 0;
  return count;
}

static const char *name_of(const char *service, char *name) {
  raw_text(raw_text(raw_text(name, mark), "."), service);
  return name;
}

static const char *next_line(const char *text) {
  while (*text != 0 && *text++ != '\n') {
  }
  return text;
}

int32_t capus_cgroup_open(const char *service) {
  char name[NAME_BYTES];
  return place < 0 ? place : open_below(place, name_of(service, name), OPEN_PLACE);
}

/* Goes from the root of the hierarchy to where apus was started: its own group, or the one above
 * if that was made by itself before. */
static int enter_own(int root) {
  char text[LISTED_BYTES];
  const char *line = text;
  if (get(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0)
    return -ENOENT;
  while (raw_behind(line, "0::/") == NULL)
    if (*(line = next_line(line)) == 0)
      return -ENOENT;
  char *path = text + (raw_behind(line, "0::/") - text);
  char *last = path;
  if (raw_behind(path, "..")) /* outside of what is seen here */
    return -ENOENT;
  char *end = path;
  for (; *end != 0 && *end != '\n'; end++)
    if (*end == '/')
      last = end + 1;
  *end = 0;
  const char *rest = raw_behind(last, mark);
  is_apart = rest != NULL && *rest == 0;
  if (is_apart)
    *last = 0;
  const char *at = path;
  raw_text(place_path, path);
  for (char *slash = place_path; *at != 0; at++, slash++)
    if (*at == '/' && at[1] == 0)
      *slash = 0;
  return open_below(root, *path == 0 ? "." : path, OPEN_PLACE);
}

int32_t capus_cgroup_begin(uint64_t number) {
  static const char roots[2][24] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  if (number > 0) {
    mark[4] = '-';
    raw_decimal(mark + 5, number);
  }
  for (int index = 0; index < 2 && place < 0; index++) {
    int root = open_below(AT_FDCWD, roots[index], OPEN_PLACE);
    place = root;
    if (root < 0)
      continue;
    /* Only the second version has it. */
    place = (int)raw3(SYS_faccessat, root, "cgroup.controllers", F_OK);
    if (place == 0)
      place = enter_own(root);
    raw1(SYS_close, root);
  }
  /* Without leave to make groups there is no place for them. */
  int refusal = place < 0 ? place : (int)raw3(SYS_faccessat, place, ".", W_OK);
  if (refusal < 0 && place >= 0) {
    raw1(SYS_close, place);
    place = refusal;
  }
  return refusal;
}

static int go_apart(void) {
  int result = (int)raw3(SYS_mkdirat, place, mark, 0755);
  if (result < 0 && result != -EEXIST)
    return result;
  int own = open_below(place, mark, OPEN_PLACE);
  result = own < 0 ? own : put(own, "cgroup.procs", "0");
  if (own >= 0)
    raw1(SYS_close, own);
  is_apart = result == 0;
  return result;
}

static int switch_controllers(uint32_t controllers, char sign) {
  static const char names[4][8] = {"?memory", "?pids", "?cpu", "?io"};
  char name[8];
  int result = 0;
  for (int index = 0; index < 4; index++) {
    if (!(controllers >> index & 1))
      continue;
    memcpy(name, names[index], sizeof name);
    name[0] = sign;
    int failure = put(place, "cgroup.subtree_control", name);
    if (failure == -EBUSY && !is_apart && go_apart() == 0)
      failure = put(place, "cgroup.subtree_control", name);
    if (failure < 0)
      result = failure;
  }
  return result;
}

int32_t capus_cgroup_enable(uint32_t controllers) {
  return place < 0 ? place : switch_controllers(controllers, '+');
}

static int set_limits(int group, const int64_t *limits) {
  static const char files[LIMITS][20] = {"memory.max", "memory.high", "pids.max",        "cpu.max",
                                         "cpu.weight", "io.weight",   "memory.oom.group"};
  for (int index = 0; index < LIMITS; index++) {
    char text[24] = "max";
    if (limits[index] == INT64_MIN)
      continue;
    if (limits[index] != INT64_MAX) /* a share of the period, which is 100 ms */
      raw_decimal(text, (uint64_t)limits[index] * (index == CPU_MAX ? 1000 : 1));
    int result = put(group, files[index], text);
    if (result < 0 && limits[OPTIONAL] != 1)
      return result;
  }
  return 0;
}

int32_t capus_cgroup_remove(const char *service) {
  char name[NAME_BYTES];
  return place < 0 ? place
                   : (int32_t)raw3(SYS_unlinkat, place, name_of(service, name), AT_REMOVEDIR);
}

/* Linux 6.14 and later kill a child that is born (CLONE_INTO_CGROUP) into a group in which all were
 * killed before, as its parent's group counts other kills. So the group is marked, by its mode, and
 * made anew once it is empty; until then its children enter by themselves. */
enum { FRESH_MODE = 0755, USED_MODE = 0711 };

int32_t capus_cgroup_bears(int32_t group) {
  struct raw_status status;
  return raw_stat(group, "", AT_EMPTY_PATH, &status) == 0 && (status.mode & 0777) != USED_MODE;
}

void capus_cgroup_spend(const char *service) {
  char name[NAME_BYTES];
  if (place >= 0)
    raw3(SYS_fchmodat, place, name_of(service, name), USED_MODE);
}

int32_t capus_cgroup_has(const char *service, int32_t pid) {
  char name[NAME_BYTES], file[40], text[LISTED_BYTES];
  const int group = capus_cgroup_open(service);
  if (group < 0)
    return group;
  raw1(SYS_close, group);
  raw_text(raw_decimal(raw_text(file, "/proc/"), (uint32_t)pid), "/cgroup");
  if (pid <= 0 || get(AT_FDCWD, file, text, sizeof text) <= 0)
    return 0;
  for (const char *line = text; *line != 0; line = next_line(line)) {
    const char *at = raw_behind(line, "0::/");
    if (at != NULL && place_path[0] != 0)
      at = (at = raw_behind(at, place_path)) != NULL && *at == '/' ? at + 1 : NULL;
    if (at != NULL && (at = raw_behind(at, name_of(service, name))) != NULL)
      return *at == '\n' || *at == '/';
  }
  return 0;
}

int32_t capus_cgroup_each(const char *service, int32_t (*is_it)(int32_t pid, int32_t main),
                          int32_t main) {
  char text[LISTED_BYTES];
  const int group = capus_cgroup_open(service);
  if (group < 0)
    return group;
  const long count = get(group, "cgroup.procs", text, sizeof text);
  raw1(SYS_close, group);
  for (const char *at = text; count > 0 && *at != 0; at++) {
    const int64_t pid = raw_number(&at);
    if (*at != '\n') /* cut off */
      break;
    if (is_it((int32_t)pid, main))
      return (int32_t)pid;
  }
  return count < 0 ? (int32_t)count : 0;
}

static long make(const char *name) {
  return raw3(SYS_mkdirat, place, name, FRESH_MODE);
}

int32_t capus_cgroup_make(const char *service, const int64_t *limits, int32_t again) {
  char name[NAME_BYTES];
  if (place < 0)
    return place;
  long made = make(name_of(service, name));
  int group = open_below(place, name, OPEN_PLACE);
  if (made == -EEXIST && group >= 0 && !capus_cgroup_bears(group) &&
      capus_cgroup_remove(service) == 0) {
    raw1(SYS_close, group);
    made = make(name);
    group = open_below(place, name, OPEN_PLACE);
  }
  if (made < 0 && made != -EEXIST) /* nothing can be opened either */
    return (int32_t)made;
  if (group < 0 || (made < 0 && !again) || limits == NULL)
    return group;
  int result = set_limits(group, limits);
  if (result == 0)
    return group;
  raw1(SYS_close, group);
  capus_cgroup_remove(service);
  return result;
}

void capus_cgroup_end(void) {
  if (place < 0 || !is_apart)
    return;
  switch_controllers(CAPUS_MEMORY | CAPUS_PIDS | CAPUS_CPU | CAPUS_IO, '-');
  if (put(place, "cgroup.procs", "0") == 0)
    raw3(SYS_unlinkat, place, mark, AT_REMOVEDIR);
}

/* Before Linux 5.14: one by one, and again while new ones come. */
static int kill_listed(int group) {
  char text[LISTED_BYTES];
  long count = 1;
  for (int round = 0; round < ROUNDS && count > 0; round++) {
    count = get(group, "cgroup.procs", text, sizeof text);
    for (const char *at = text; count > 0 && *at != 0; at++) {
      int64_t pid = raw_number(&at);
      if (*at != '\n') /* cut off */
        break;
      if (pid > 1)
        raw2(SYS_kill, pid, SIGKILL);
    }
  }
  return (int)count;
}

/* Those that a service has left behind and that began no session of their own. */
static int32_t kill_session(int32_t leader) {
  int32_t has_killed = 0;
  struct entry {
    uint64_t inode, offset;
    uint16_t size;
    uint8_t type;
    char name[];
  };
  _Alignas(8) char entries[LISTED_BYTES];
  int fd = raw_open("/proc", O_RDONLY | O_DIRECTORY);
  long count = fd;
  for (int round = 0; round < 64 && count > 0; round++) {
    count = raw3(SYS_getdents64, fd, entries, sizeof entries);
    const struct entry *entry;
    for (long at = 0; at < count; at += entry->size) {
      entry = (const void *)(entries + at);
      const char *name = entry->name;
      int64_t pid = raw_number(&name);
      if (pid > 1 && raw1(SYS_getsid, pid) == leader) {
        raw2(SYS_kill, pid, SIGKILL);
        has_killed |= pid != leader;
      }
    }
  }
  if (fd >= 0)
    raw1(SYS_close, fd);
  return has_killed;
}

static int64_t number_of(int group, const char *file, const char *key) {
  char text[1024];
  long count = get(group, file, text, sizeof text);
  if (count < 0)
    return count;
  for (const char *at = text; *at != 0; at = next_line(at)) {
    const char *value = raw_behind(at, key);
    if (value != NULL && (*key == 0 || *value++ == ' '))
      return raw_number(&value);
  }
  return -ENOENT;
}

int32_t capus_cgroup_kill(const char *service, int32_t leader) {
  int32_t has_killed = 0;
  int group = capus_cgroup_open(service);
  int64_t result = group;
  if (group >= 0) {
    result = number_of(group, "cgroup.events", "populated");
    if (result == 1) {
      has_killed = 1;
      capus_cgroup_spend(service);
      result = put(group, "cgroup.kill", "1");
      if (result == -ENOENT)
        result = kill_listed(group);
    }
    raw1(SYS_close, group);
  }
  if (result < 0 && leader > 1)
    has_killed = kill_session(leader);
  return has_killed;
}

int64_t capus_cgroup_number(const char *service, const char *file, const char *key) {
  int group = capus_cgroup_open(service);
  if (group < 0)
    return group;
  int64_t number = number_of(group, file, key);
  raw1(SYS_close, group);
  return number;
}

int32_t capus_cgroup_freeze(int32_t group, int32_t on) {
  return put(group, "cgroup.freeze", on ? "1" : "0");
}

int32_t capus_cgroup_is_frozen(int32_t group) {
  return (int32_t)number_of(group, "cgroup.events", "frozen");
}
