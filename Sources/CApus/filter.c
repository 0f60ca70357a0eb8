#include "include/filter.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "raw.h"

enum { ABSENT = 9999 };
/* The lower half of an argument, little-endian. */
#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + 8 * (number))

#include "calls.h"
#include "names.h"

enum group {
  DEFAULT, /* always allowed: what apus itself needs up to execve(2), and every program after it */
  BASIC_IO,
  FILE_SYSTEM,
  IO_EVENT,
  IPC,
  NETWORK_IO,
  PROCESS,
  SIGNAL,
  TIMER,
  SYNC,
  AIO,
  CHOWN,
  SETUID,
  RESOURCES,
  MEMLOCK,
  PKEY,
  SANDBOX,
  KEYRING,
  IO_URING,
  NAMESPACE,
  CLOCK,
  CPU_EMULATION,
  DEBUGGING,
  MODULE,
  MOUNT,
  RAW_IO,
  REBOOT,
  SWAP,
  PRIVILEGED,
  OBSOLETE
};

#define BIT(group) (UINT32_C(1) << (group))
/* Every group up to and with that one. */
#define UP_TO(group) (2 * BIT(group) - 1)

/* Numbers from here on are the same on every architecture; where the older ones end is not. */
enum { MODERN = 403, LAST = 469 };
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
enum { OLD = 335 };
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
enum { OLD = 295 };
#else
#define ARCHITECTURE AUDIT_ARCH_ARM
enum { OLD = 402 };
#endif
#define PLACE(number) ((number) < MODERN ? (number) : (number)-MODERN + OLD)
enum { PLACES = PLACE(LAST) + 1 };
#define SLOT(number) ((number) == ABSENT ? PLACES : PLACE(number))

/* By number, the place of its name in the list of names, with the group in its low bits; the last
 * entry is of no call. */
#define ENTRY(group, name) [SLOT(__NR_##name)] = NAME_##name << 5 | group,
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
static const uint16_t calls[PLACES + 1] = {COMMON_CALLS(ENTRY) PARTIAL_CALLS(ENTRY)};
#pragma clang diagnostic pop

/* What some groups are besides their own calls; the last two have none. */
static const uint32_t more[GROUPS - PRIVILEGED] = {
    BIT(CHOWN) | BIT(CLOCK) | BIT(MODULE) | BIT(RAW_IO) | BIT(REBOOT) | BIT(SETUID) | BIT(SWAP),
    0,
    UP_TO(MEMLOCK) | BIT(KEYRING),
    ~UINT32_C(0),
};

/* One name after the other. */
struct reading {
  const uint8_t *at;
  char name[32];
};

static char *spell(char *to, uint8_t code) {
  for (; code & 128; code = pairs[code & 127][1])
    to = spell(to, pairs[code & 127][0]);
  *to++ = (char)code;
  return to;
}

static void read_name(struct reading *reading) {
  char *to = reading->name + *reading->at++;
  while (*reading->at >= 32)
    to = spell(to, *reading->at++);
  *to = 0;
}

struct selection {
  uint32_t groups;
  bool calls[PLACES];
};

static void add(struct selection *selection, uint32_t name) {
  if (name < GROUPS)
    selection->groups |=
        (name <= OBSOLETE ? BIT(name) : 0) | (name >= PRIVILEGED ? more[name - PRIVILEGED] : 0);
  for (size_t place = 0; place < PLACES; place++)
    if (calls[place] >> 5 == name)
      selection->calls[place] = true;
}

/* Adds calls and groups; false when no architecture has one of them. Reads the names once, however
 * many are wanted. */
static bool add_all(struct selection *selection, char *const *wanted) {
  struct reading reading = {.at = names};
  size_t left = 0;
  while (wanted[left])
    left++;
  for (uint32_t name = 0; name < NAMES && left > 0; name++) {
    read_name(&reading);
    for (char *const *one = wanted; *one; one++)
      if (strcmp(*one, reading.name) == 0) {
        add(selection, name);
        left--;
      }
  }
  return left == 0;
}

int32_t capus_filter_knows(const char *name) {
  char *const wanted[] = {(char *)name, NULL};
  struct selection selection;
  return add_all(&selection, wanted);
}

const char *capus_call_name(uint32_t number) {
  static struct reading reading;
  if (number > LAST || (number >= OLD && number < MODERN) || !calls[PLACE(number)])
    return NULL;
  reading.at = names;
  for (int32_t name = calls[PLACE(number)] >> 5; name >= 0; name--)
    read_name(&reading);
  return reading.name;
}

struct builder {
  struct capus_instruction *program;
  uint32_t count;
  uint16_t edges[LAST + 1]; /* where forbidden and allowed numbers begin, in turn */
};

enum {
  LOAD = 0x20,  /* BPF_LD | BPF_W | BPF_ABS */
  JUMP = 0x05,  /* BPF_JMP | BPF_JA */
  EQUAL = 0x15, /* BPF_JMP | BPF_JEQ | BPF_K */
  ANY = 0x45,   /* BPF_JMP | BPF_JSET | BPF_K */
  LEAST = 0x35, /* BPF_JMP | BPF_JGE | BPF_K */
  AND = 0x54,   /* BPF_ALU | BPF_AND | BPF_K */
  RETURN = 0x06 /* BPF_RET | BPF_K */
};

/* `jumps`: how many instructions are left out when it is so, and in the high byte when not. */
static void emit(struct builder *builder, uint16_t code, uint16_t jumps, uint32_t value) {
  builder->program[builder->count++] =
      (struct capus_instruction){code, (uint8_t)jumps, (uint8_t)(jumps >> 8), value};
}

enum { UNLESS = 0x100 };

/* A binary search for the last edge that is not above the number. */
static void search(struct builder *builder, uint32_t low, uint32_t high) {
  if (low == high)
    return emit(builder, RETURN, 0, low & 1 ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
  uint32_t middle = (low + high) / 2;
  emit(builder, LEAST, UNLESS, builder->edges[middle]);
  uint32_t jump = builder->count;
  emit(builder, JUMP, 0, 0);
  search(builder, low, middle);
  builder->program[jump].value = builder->count - jump - 1;
  search(builder, middle + 1, high);
}

enum {
  NUMBER = offsetof(struct seccomp_data, nr),
  FIRST_ARGUMENT = ARGUMENT(0),
  REFUSE = SECCOMP_RET_ERRNO | EPERM,
  NEW_NAMESPACES = 0x7e020000, /* every CLONE_NEW* that clone(2) takes */
  NEW_TIME = 0x80,             /* and one that is unshare(2)'s alone */
  SET_ID = 06000,
  TEMPORARY = 020000000, /* __O_TMPFILE */
  RESET_ON_FORK = 0x40000000,
  READ_IMPLIES_EXEC = 0x400000,
  ASK_PERSONALITY = -1,
};

/* Namespaces, and memory that can be executed unasked: refused as a kernel without them does. What
 * clone3(2) is asked for cannot be seen here, so that programs take clone(2). */
static void refuse_arguments(struct builder *builder) {
  emit(builder, EQUAL, UNLESS, __NR_clone3);
  emit(builder, RETURN, 0, SECCOMP_RET_ERRNO | ENOSYS);
  emit(builder, EQUAL, 1, __NR_unshare);
  emit(builder, EQUAL, UNLESS, __NR_setns);
  emit(builder, RETURN, 0, REFUSE);
  emit(builder, EQUAL, 4 * UNLESS, __NR_clone);
  emit(builder, LOAD, 0, FIRST_ARGUMENT);
  emit(builder, ANY, UNLESS, NEW_NAMESPACES);
  emit(builder, RETURN, 0, REFUSE);
  emit(builder, LOAD, 0, NUMBER);
  emit(builder, EQUAL, 5 * UNLESS, __NR_personality);
  emit(builder, LOAD, 0, FIRST_ARGUMENT);
  emit(builder, EQUAL, 2, (uint32_t)ASK_PERSONALITY);
  emit(builder, ANY, UNLESS, READ_IMPLIES_EXEC);
  emit(builder, RETURN, 0, REFUSE);
  emit(builder, LOAD, 0, NUMBER);
}

/* Calls that are refused whatever they are asked for, or where an argument has one of some bits. */
static const struct {
  uint16_t number;
  uint8_t denied, argument;
  uint32_t bits;
} denials[] = {
    {__NR_adjtimex, CAPUS_DENY_CLOCK, 0, 0},
    {__NR_clock_adjtime, CAPUS_DENY_CLOCK, 0, 0},
    {__NR_clock_adjtime64, CAPUS_DENY_CLOCK, 0, 0},
    {__NR_clock_settime, CAPUS_DENY_CLOCK, 0, 0},
    {__NR_clock_settime64, CAPUS_DENY_CLOCK, 0, 0},
    {__NR_settimeofday, CAPUS_DENY_CLOCK, 0, 0},
    {__NR_sethostname, CAPUS_DENY_HOSTNAME, 0, 0},
    {__NR_setdomainname, CAPUS_DENY_HOSTNAME, 0, 0},
    {__NR_mprotect, CAPUS_DENY_WRITE_EXECUTE, 2, PROT_EXEC},
    {__NR_pkey_mprotect, CAPUS_DENY_WRITE_EXECUTE, 2, PROT_EXEC},
    {__NR_shmat, CAPUS_DENY_WRITE_EXECUTE, 2, SHM_EXEC},
    {__NR_setns, CAPUS_DENY_NAMESPACES, 0, 0},
    {__NR_unshare, CAPUS_DENY_NAMESPACES, 0, NEW_NAMESPACES | NEW_TIME},
    {__NR_clone, CAPUS_DENY_NAMESPACES, 0, NEW_NAMESPACES},
    {__NR_sched_setattr, CAPUS_DENY_REALTIME, 0, 0},
    {__NR_chmod, CAPUS_DENY_SETUID, 1, SET_ID},
    {__NR_fchmod, CAPUS_DENY_SETUID, 1, SET_ID},
    {__NR_fchmodat, CAPUS_DENY_SETUID, 2, SET_ID},
    {__NR_fchmodat2, CAPUS_DENY_SETUID, 2, SET_ID},
    {__NR_creat, CAPUS_DENY_SETUID, 1, SET_ID},
    {__NR_mkdir, CAPUS_DENY_SETUID, 1, SET_ID},
    {__NR_mkdirat, CAPUS_DENY_SETUID, 2, SET_ID},
    {__NR_mknod, CAPUS_DENY_SETUID, 1, SET_ID},
    {__NR_mknodat, CAPUS_DENY_SETUID, 2, SET_ID},
};

/* What programs have another way for, as on a kernel that does not know it: its arguments lie in
 * memory. */
static void refuse_as_unknown(struct builder *builder, uint32_t number) {
  emit(builder, EQUAL, UNLESS, number);
  emit(builder, RETURN, 0, SECCOMP_RET_ERRNO | ENOSYS);
}

static void refuse_argument(struct builder *builder, uint32_t number, uint32_t argument,
                            uint32_t bits) {
  emit(builder, EQUAL, (bits ? 4 : 1) * UNLESS, number);
  if (bits) {
    emit(builder, LOAD, 0, ARGUMENT(argument));
    emit(builder, ANY, UNLESS, bits);
  }
  emit(builder, RETURN, 0, REFUSE);
  if (bits)
    emit(builder, LOAD, 0, NUMBER);
}

/* The mode counts where a file is made. */
static void refuse_open(struct builder *builder, uint32_t number, uint32_t flags) {
  emit(builder, EQUAL, 6 * UNLESS, number);
  emit(builder, LOAD, 0, ARGUMENT(flags));
  emit(builder, ANY, 3 * UNLESS, O_CREAT | TEMPORARY);
  emit(builder, LOAD, 0, ARGUMENT(flags + 1));
  emit(builder, ANY, UNLESS, SET_ID);
  emit(builder, RETURN, 0, REFUSE);
  emit(builder, LOAD, 0, NUMBER);
}

static void refuse_families(struct builder *builder, uint64_t families) {
  uint32_t left = 0;
  for (uint64_t bits = families; bits; bits &= bits - 1)
    left++;
  emit(builder, EQUAL, (uint16_t)((left + 2) * UNLESS), __NR_socket);
  emit(builder, LOAD, 0, FIRST_ARGUMENT);
  for (uint32_t family = 0; family < 64; family++)
    if (families >> family & 1)
      emit(builder, EQUAL, (uint16_t)left--, family);
  emit(builder, RETURN, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  emit(builder, LOAD, 0, NUMBER);
}

static void deny(struct builder *builder, uint32_t denied, uint64_t families) {
  for (size_t index = 0; index < sizeof denials / sizeof *denials; index++)
    if (denied & denials[index].denied)
      refuse_argument(builder, denials[index].number, denials[index].argument, denials[index].bits);
  if (denied & CAPUS_DENY_NAMESPACES)
    refuse_as_unknown(builder, __NR_clone3);
  if (denied & CAPUS_DENY_FAMILIES)
    refuse_families(builder, families);
  if (denied & CAPUS_DENY_WRITE_EXECUTE) {
    emit(builder, EQUAL, 1, __NR_mmap);
    emit(builder, EQUAL, 5 * UNLESS, __NR_mmap2);
    emit(builder, LOAD, 0, ARGUMENT(2));
    emit(builder, AND, 0, PROT_WRITE | PROT_EXEC);
    emit(builder, EQUAL, UNLESS, PROT_WRITE | PROT_EXEC);
    emit(builder, RETURN, 0, REFUSE);
    emit(builder, LOAD, 0, NUMBER);
  }
  if (denied & CAPUS_DENY_SETUID) {
    refuse_open(builder, __NR_open, 1);
    refuse_open(builder, __NR_openat, 2);
    refuse_as_unknown(builder, __NR_openat2);
  }
  if (denied & CAPUS_DENY_REALTIME) {
    emit(builder, EQUAL, 7 * UNLESS, __NR_sched_setscheduler);
    emit(builder, LOAD, 0, ARGUMENT(1));
    emit(builder, AND, 0, ~(uint32_t)RESET_ON_FORK);
    emit(builder, EQUAL, 3, SCHED_OTHER);
    emit(builder, EQUAL, 2, SCHED_BATCH);
    emit(builder, EQUAL, 1, SCHED_IDLE);
    emit(builder, RETURN, 0, REFUSE);
    emit(builder, LOAD, 0, NUMBER);
  }
  if (denied & CAPUS_DENY_PERSONALITY) {
    emit(builder, EQUAL, 5 * UNLESS, __NR_personality);
    emit(builder, LOAD, 0, FIRST_ARGUMENT);
    emit(builder, EQUAL, 2, (uint32_t)ASK_PERSONALITY);
    emit(builder, EQUAL, 1, (uint32_t)raw1(__NR_personality, ASK_PERSONALITY));
    emit(builder, RETURN, 0, REFUSE);
    emit(builder, LOAD, 0, NUMBER);
  }
}

uint32_t capus_filter(char *const *wanted, int is_open, uint32_t denied, uint64_t families,
                      struct capus_instruction *program) {
  /* x86_64's second set of calls is refused; those of arm's own (cache, thread pointer) are not. */
#if defined(__arm__)
  enum { OTHERS = 0xf0000, OTHERS_RESULT = SECCOMP_RET_ALLOW };
#else
  const uint32_t OTHERS = 0x40000000, OTHERS_RESULT = SECCOMP_RET_KILL_PROCESS;
#endif
  struct selection selection = {.groups = BIT(DEFAULT)};
  struct builder builder = {.program = program};
  if (!wanted)
    selection.groups = UP_TO(SANDBOX);
  else if (!add_all(&selection, wanted))
    return 0;
  emit(&builder, LOAD, 0, offsetof(struct seccomp_data, arch));
  emit(&builder, EQUAL, 1, ARCHITECTURE);
  emit(&builder, RETURN, 0, SECCOMP_RET_KILL_PROCESS);
  emit(&builder, LOAD, 0, NUMBER);
  emit(&builder, LEAST, UNLESS, OTHERS);
  emit(&builder, RETURN, 0, OTHERS_RESULT);
  deny(&builder, denied, families);
  if (is_open) {
    emit(&builder, RETURN, 0, SECCOMP_RET_ALLOW);
    return builder.count;
  }
  /* What is newer than this list is answered as an older kernel would. */
  emit(&builder, LEAST, UNLESS, LAST + 1);
  emit(&builder, RETURN, 0, SECCOMP_RET_ERRNO | ENOSYS);
  if (!wanted)
    refuse_arguments(&builder);
  uint32_t edges = 0;
  bool was = false;
  for (uint32_t number = 0; number <= LAST; number++) {
    bool is = false;
    if (number < OLD || number >= MODERN) {
      uint32_t entry = calls[PLACE(number)];
      is = selection.calls[PLACE(number)] || (entry && selection.groups >> (entry & 31) & 1);
    }
    if (is != was)
      builder.edges[edges++] = (uint16_t)number;
    was = is;
  }
  search(&builder, 0, edges);
  return builder.count;
}
