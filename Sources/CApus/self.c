#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board.h"
#include "child.h"
#include "layout.h"
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
    long present = raw5(SYS_prctl, PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0)
      break;
    self->last_capability = capability;
    self->bounding |= (uint64_t)(present == 1) << capability;
  }
}

char *raw_decimal(char *to, uint64_t value) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0)
    *to++ = digits[--count];
  *to = 0;
  return to;
}

char *raw_text(char *to, const char *from) {
  while ((*to = *from++) != 0)
    to++;
  return to;
}

/* Writes "/proc/PID/name". */
static void proc_path(char *path, int32_t pid, const char *name) {
  raw_text(raw_decimal(raw_text(path, "/proc/"), (uint32_t)pid), name);
}

static int64_t read_file(const char *path, char *text, size_t capacity) {
  int64_t count = capus_read_file(path, (uint8_t *)text, capacity - 1);
  text[count < 0 ? 0 : count] = 0;
  return count;
}

int64_t raw_number(const char **text) {
  int64_t value = 0;
  int negative = **text == '-';
  if (negative)
    (*text)++;
  for (; **text >= '0' && **text <= '9'; (*text)++)
    value = value * 10 + (**text - '0');
  return negative ? -value : value;
}

const char *raw_find(const char *text, const char *part) {
  for (size_t length = strlen(part); *text; text++)
    if (!strncmp(text, part, length))
      return text;
  return NULL;
}

int32_t capus_denied_call(int32_t pid) {
  enum { LAST_OF_LOG = 3 };
  char text[4096];
  char wanted[24];
  int64_t call = -1;
  raw_text(raw_decimal(raw_text(wanted, " pid="), (uint32_t)pid), " ");
  for (int round = 0; round < 4 && call < 0; round++) {
    int is_its = 0;
    if (round > 0)
      poll(NULL, 0, 1);
    long count = raw3(SYS_syslog, LAST_OF_LOG, text, sizeof text - 1);
    if (count < 0)
      break;
    text[count] = 0;
    for (const char *at = text; *at != 0; at++) {
      const char *number = raw_behind(at, is_its ? " syscall=" : wanted);
      if (number && is_its)
        call = raw_number(&number);
      is_its = number ? !is_its : is_its && *at != '\n';
    }
  }
  return (int32_t)call;
}

const char *raw_behind(const char *text, const char *key) {
  for (; *key != 0; text++, key++)
    if (*text != *key)
      return NULL;
  return text;
}

const char *capus_path_argument(int32_t index) {
  static char path[4096];
  int32_t count;
  const char *word = capus_arguments(&count)[index];
  const long length = *word == '/' ? 0 : raw2(SYS_getcwd, path, sizeof path);
  if (length <= 0 || (size_t)length + strlen(word) >= sizeof path)
    return word;
  raw_text(raw_text(path + length - 1, "/"), word);
  return path;
}

uint64_t capus_users_stamp(void) {
  static const char files[2][12] = {"/etc/passwd", "/etc/group"};
  uint64_t stamp = 1;
  for (int index = 0; index < 2; index++) {
    struct raw_status status;
    if (raw_stat(AT_FDCWD, files[index], 0, &status) == 0)
      stamp += status.inode + status.size + status.changed * 1000000007 + status.changed_part;
    stamp *= 31;
  }
  return stamp;
}

int64_t capus_resident_bytes(int32_t pid) {
  char path[40];
  char text[128];
  const char *at = text;
  if (pid <= 0)
    return -EINVAL;
  proc_path(path, pid, "/statm");
  int64_t result = read_file(path, text, sizeof text);
  if (result < 0)
    return result;
  raw_number(&at);
  if (*at == ' ')
    at++;
  return raw_number(&at) * capus_page_size();
}

void capus_spare_self(void) {
  capus_write_file(CAPUS_OWN_SCORE, (const uint8_t *)"-1000", 5);
}

void capus_set_umask(uint32_t mask) {
  umask((mode_t)mask);
}

void capus_inspect(struct capus_self *self) {
  *self = (struct capus_self){0};
  self->pid = getpid();
  self->uid = geteuid();
  self->gid = getegid();
  inspect_capabilities(self);
  /* The system call has no negative values: 20 minus the nice value. */
  self->nice = 20 - (int32_t)raw2(SYS_getpriority, PRIO_PROCESS, 0);
  char text[16];
  const char *at = text;
  if (read_file(CAPUS_OWN_SCORE, text, sizeof text) > 0)
    self->oom_score_adjust = (int32_t)raw_number(&at);
}

int32_t capus_own_groups(uint32_t *groups, int32_t capacity) {
  return (int32_t)raw2(NR_GETGROUPS, capacity, groups);
}

void capus_own_limit(int32_t resource, uint64_t *soft, uint64_t *hard) {
  uint64_t limits[2] = {0, 0};
  raw4(SYS_prlimit64, 0, resource, 0, limits);
  *soft = limits[0];
  *hard = limits[1];
}

void capus_raise_files(uint64_t least) {
  uint64_t limit[2] = {least, least}, old[2] = {0, 0};
  raw4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, old);
  if (old[0] >= least)
    return;
  if (old[1] > least)
    limit[1] = old[1];
  /* Without CAP_SYS_RESOURCE the hard limit is as far as it goes. */
  if (raw4(SYS_prlimit64, 0, RLIMIT_NOFILE, limit, 0) < 0) {
    old[0] = old[1];
    raw4(SYS_prlimit64, 0, RLIMIT_NOFILE, old, 0);
  }
}

char **capus_arguments(int32_t *count) {
  extern char **environ;
  static char **first;
  static int32_t passed;
  /* The kernel lays out argc, argv, NULL, environ. Going back from the environment, the word that
   * equals the number of words passed is argc: no pointer is that small. */
  if (first == 0) {
    first = environ - 1;
    while ((uintptr_t)first[-1] != (uintptr_t)passed) {
      first--;
      passed++;
    }
    /* The word of the program before this one is not the caller's. */
    if (passed > 1 && capus_take_resume_word(first[1])) {
      first[1] = first[0];
      first++;
      passed--;
    }
  }
  *count = passed;
  return first;
}

const char *capus_environment(const char *name) {
  extern char **environ;
  for (char **entry = environ; *entry; entry++) {
    size_t index = 0;
    while (name[index] != 0 && (*entry)[index] == name[index])
      index++;
    if (name[index] == 0 && (*entry)[index] == '=')
      return *entry + index + 1;
  }
  return 0;
}
