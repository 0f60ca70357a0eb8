#include "include/filter.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { ABSENT = 9999 };

#include "calls.h"

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

/* A sum over the letters of a name, so that the compiler can make it of a literal; 27 bits, which
 * tell all names apart. */
#define FACTOR UINT32_C(0x9e3779b1)
#define P1 FACTOR
#define P2 (P1 * P1)
#define P4 (P2 * P2)
#define P8 (P4 * P4)
#define P16 (P8 * P8)
#define LETTER(name, at)                                                                           \
  ((at) < sizeof(name) ? (uint32_t)(name)[(at) < sizeof(name) ? (at) : 0] : 0)
#define SUM2(name, at) (LETTER(name, at) * P1 + LETTER(name, (at) + 1) * P2)
#define SUM4(name, at) (SUM2(name, at) + SUM2(name, (at) + 2) * P2)
#define SUM8(name, at) (SUM4(name, at) + SUM4(name, (at) + 4) * P4)
#define SUM16(name, at) (SUM8(name, at) + SUM8(name, (at) + 8) * P8)
#define HASH(name) ((SUM16(name, 0) + SUM16(name, 16) * P16) & ~UINT32_C(31))

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

/* By number, the hash of the name with the group in its low bits; the last entry is of no call. */
#define ENTRY(group, name) [SLOT(__NR_##name)] = HASH(#name) | group,
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
static const uint32_t calls[PLACES + 1] = {COMMON_CALLS(ENTRY) PARTIAL_CALLS(ENTRY)};
#pragma clang diagnostic pop

#define NAME(group, name) HASH(#name),
static const uint32_t partial[] = {PARTIAL_CALLS(NAME)};

#define SERVICE (UP_TO(MEMLOCK) | BIT(KEYRING))
static const struct {
  uint32_t name, groups;
} groups[] = {
    {HASH("default"), BIT(DEFAULT)},
    {HASH("basic-io"), BIT(BASIC_IO)},
    {HASH("file-system"), BIT(FILE_SYSTEM)},
    {HASH("io-event"), BIT(IO_EVENT)},
    {HASH("ipc"), BIT(IPC)},
    {HASH("network-io"), BIT(NETWORK_IO)},
    {HASH("process"), BIT(PROCESS)},
    {HASH("signal"), BIT(SIGNAL)},
    {HASH("timer"), BIT(TIMER)},
    {HASH("sync"), BIT(SYNC)},
    {HASH("aio"), BIT(AIO)},
    {HASH("chown"), BIT(CHOWN)},
    {HASH("setuid"), BIT(SETUID)},
    {HASH("resources"), BIT(RESOURCES)},
    {HASH("memlock"), BIT(MEMLOCK)},
    {HASH("pkey"), BIT(PKEY)},
    {HASH("sandbox"), BIT(SANDBOX)},
    {HASH("keyring"), BIT(KEYRING)},
    {HASH("io-uring"), BIT(IO_URING)},
    {HASH("namespace"), BIT(NAMESPACE)},
    {HASH("clock"), BIT(CLOCK)},
    {HASH("cpu-emulation"), BIT(CPU_EMULATION)},
    {HASH("debug"), BIT(DEBUGGING)},
    {HASH("module"), BIT(MODULE)},
    {HASH("mount"), BIT(MOUNT)},
    {HASH("raw-io"), BIT(RAW_IO)},
    {HASH("reboot"), BIT(REBOOT)},
    {HASH("swap"), BIT(SWAP)},
    {HASH("obsolete"), BIT(OBSOLETE)},
    {HASH("privileged"), BIT(PRIVILEGED) | BIT(CHOWN) | BIT(CLOCK) | BIT(MODULE) | BIT(RAW_IO) |
                             BIT(REBOOT) | BIT(SETUID) | BIT(SWAP)},
    {HASH("system-service"), SERVICE},
    {HASH("known"), ~UINT32_C(0)},
};

struct selection {
  uint32_t groups;
  bool calls[PLACES];
};

static uint32_t hash(const char *name) {
  uint32_t sum = 0;
  for (uint32_t power = FACTOR; *name; power *= FACTOR)
    sum += (uint8_t)*name++ * power;
  return sum & ~UINT32_C(31);
}

/* Adds a call or a group; false for a name that no architecture has. */
static bool add(struct selection *selection, const char *name) {
  if (*name == '@') {
    uint32_t wanted = hash(name + 1);
    for (size_t index = 0; index < sizeof groups / sizeof *groups; index++)
      if (groups[index].name == wanted) {
        selection->groups |= groups[index].groups;
        return true;
      }
    return false;
  }
  uint32_t wanted = hash(name);
  for (size_t index = 0; index < PLACES; index++)
    if (calls[index] && (calls[index] & ~UINT32_C(31)) == wanted) {
      selection->calls[index] = true;
      return true;
    }
  for (size_t index = 0; index < sizeof partial / sizeof *partial; index++)
    if (partial[index] == wanted)
      return true;
  return false;
}

int32_t capus_filter_knows(const char *name) {
  struct selection selection = {0};
  return add(&selection, name);
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
  LEAST = 0x35, /* BPF_JMP | BPF_JGE | BPF_K */
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

uint32_t capus_filter(char *const *names, struct capus_instruction *program) {
  /* x86_64's second set of calls is refused; those of arm's own (cache, thread pointer) are not. */
#if defined(__arm__)
  enum { OTHERS = 0xf0000, OTHERS_RESULT = SECCOMP_RET_ALLOW };
#else
  const uint32_t OTHERS = 0x40000000, OTHERS_RESULT = SECCOMP_RET_KILL_PROCESS;
#endif
  struct selection selection = {.groups = BIT(DEFAULT)};
  struct builder builder = {.program = program};
  if (!names)
    selection.groups = UP_TO(SANDBOX);
  for (; names && *names; names++)
    if (!add(&selection, *names))
      return 0;
  emit(&builder, LOAD, 0, offsetof(struct seccomp_data, arch));
  emit(&builder, EQUAL, 1, ARCHITECTURE);
  emit(&builder, RETURN, 0, SECCOMP_RET_KILL_PROCESS);
  emit(&builder, LOAD, 0, offsetof(struct seccomp_data, nr));
  emit(&builder, LEAST, UNLESS, OTHERS);
  emit(&builder, RETURN, 0, OTHERS_RESULT);
  /* What is newer than this list is answered as an older kernel would. */
  emit(&builder, LEAST, UNLESS, LAST + 1);
  emit(&builder, RETURN, 0, SECCOMP_RET_ERRNO | ENOSYS);
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
