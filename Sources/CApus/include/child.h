/* The child between clone3(2) and execve(2): what it is told, and how it is made.
 *
 * It shares its parent's memory, on a stack of its own, and the parent goes on at once. Everything
 * it reads lives in the plan, which stays untouched until the report pipe's last writer is gone:
 * execve(2) and the child's end both close it, and by then the child has left the memory. What
 * became of it stands in `stage` and `error`. */
#ifndef CAPUS_CHILD_H
#define CAPUS_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "filter.h"

#define CAPUS_OWN_SCORE "/proc/self/oom_score_adj"

/* The stage of a child that has not taken its first step. */
#define CAPUS_UNBORN 0xffffffffu

/* Above ENOENT when the program is there, and what its first line or its header names is not. */
enum { CAPUS_INTERPRETER = 1 << 8 };

enum capus_operation {
  CAPUS_CONDITION, /* small = which of exists, missing, kernelArg, architecture; text, or first */
  /* text = path of a file of KEY=VALUE lines, `-` before it makes it optional, first = its number;
   * the errno carries the number times 256 and the line times 16384 */
  CAPUS_ENVIRONMENT,
  CAPUS_READ_PID, /* text = path; ends with 0 and the plan's `found`, or with 1 */
  /* text = path or scope, small = port, base = both halves of an address, first = family: 0 unix, 1
   * IPv4, 2 IPv6; ends with 0 once somebody listens there, or with 1 */
  CAPUS_CONNECT,
  CAPUS_SESSION, /* setsid; first = the mark of its tree, 0 for none, see tree.h */
  CAPUS_GROUP,   /* the plan's control group, unless the child was born there */
  CAPUS_SCORE,   /* first = oom_score_adj; small = 1: being refused it is no failure */
  CAPUS_UMASK,   /* small = mask */
  /* text = relative path, base = where, first = uid, second = gid, small = mode and enum
   * capus_directory_flags */
  CAPUS_DIRECTORY,
  CAPUS_OPEN, /* text = path, small = target, first = 0 read, 1 write, 2 append, second = mode */
  CAPUS_TERMINAL,     /* text = path; becomes 0, 1, 2 and the controlling terminal */
  CAPUS_DESCRIPTORS,  /* moves `sources` into place and closes everything else */
  CAPUS_LIMIT,        /* small = RLIMIT_*, first = soft, second = hard */
  CAPUS_NICE,         /* first = nice value */
  CAPUS_SCHEDULER,    /* small = SCHED_*, first = priority */
  CAPUS_IO_PRIORITY,  /* small = class and level */
  CAPUS_PROCESSORS,   /* text = mask, first = its bytes */
  CAPUS_BOUNDING_SET, /* first = bits to drop */
  CAPUS_KEEP,         /* keep permitted capabilities over the change of user */
  CAPUS_GROUPS,       /* the plan's groups */
  CAPUS_GID,          /* first */
  CAPUS_UID,          /* first */
  CAPUS_CAPABILITIES, /* first = permitted and effective, second = inheritable */
  CAPUS_AMBIENT_SET,  /* first = bits */
  CAPUS_SECURE_BITS,  /* first = SECBIT_* */
  CAPUS_NO_NEW_PRIVILEGES,
  CAPUS_VERIFY,           /* compares what the kernel says with the plan's `expected` */
  CAPUS_DIRECTORY_CHANGE, /* text = path */
  CAPUS_SANDBOX,          /* small = enum capus_sandbox_step */
  CAPUS_EXECUTE
};

/* Above the mode of a directory. */
enum capus_directory_flags {
  CAPUS_KEEP_MODE = 1 << 12, /* of one that is there */
  CAPUS_KEEP_OWNER = 1 << 13,
  CAPUS_STAYS_READ_ONLY = 1 << 14 /* CAPUS_SANDBOX_READ_ONLY leaves it read-only */
};

/* In the order in which they are taken, but for the last one. */
enum capus_sandbox_step {
  CAPUS_SANDBOX_NAMESPACES, /* mounts of its own; private when / becomes read-only */
  CAPUS_SANDBOX_NETWORK,    /* a network of its own with nothing but lo */
  CAPUS_SANDBOX_ROOT,       /* the plan's root becomes / */
  CAPUS_SANDBOX_PROCESSES,  /* a /proc of its pid namespace, or with its own processes only */
  CAPUS_SANDBOX_READ_ONLY,  /* / but the plan's writable paths and its directories */
  CAPUS_SANDBOX_KERNEL,     /* /proc/sys, /sys and their like read-only, modules hidden */
  CAPUS_SANDBOX_TEMPORARY,  /* empty /tmp and /var/tmp */
  CAPUS_SANDBOX_DEVICES,    /* a /dev of harmless devices */
  CAPUS_SANDBOX_HIDE,       /* the plan's hidden paths */
  CAPUS_SANDBOX_LANDLOCK,
  CAPUS_SANDBOX_FILTER,
  CAPUS_SANDBOX_HOSTNAME /* a host name of its own */
};

/* The plan's lists of paths, each with a NULL at its end. */
enum capus_path_list {
  CAPUS_PATHS_WRITABLE,
  CAPUS_PATHS_HIDDEN,
  CAPUS_PATHS_READ,
  CAPUS_PATHS_WRITE,
  CAPUS_PATHS_EXECUTE,
  CAPUS_PATHS_DEVICES /* below /dev */
};

struct capus_step {
  uint8_t operation; /* enum capus_operation */
  uint8_t kind;      /* what the failure is called; of no meaning here */
  uint16_t small;
  uint32_t reserved;
  uint64_t first;
  uint64_t second;
  const char *text;
  const char *base;
};

/* What the kernel must say before execve(2); read back by CAPUS_VERIFY. */
struct capus_expected {
  uint32_t uid;
  uint32_t gid;
  uint8_t check_groups;
  uint8_t check_capabilities;
  uint8_t no_new_privileges;
  uint8_t secure_bits;
  uint32_t last_capability;
  uint64_t permitted;
  uint64_t inheritable;
  uint64_t ambient;
  uint64_t bounding_dropped;
};

struct capus_plan {
  const struct capus_step *steps;
  uint32_t step_count;
  uint32_t group_count;
  const uint32_t *groups;
  const char *path;
  char **arguments;
  char **environment;
  char *pidfd_digits;        /* LISTEN_PIDFDID's value, room for 21 bytes; NULL without one */
  uint32_t environment_room; /* how many entries more it can have */
  uint32_t file_room;        /* bytes for what files say, at `file_text` */
  char *file_text;
  char **words;       /* room for the arguments after capus_expand; NULL where none are expanded */
  uint32_t word_room; /* with the NULL behind the last */
  uint32_t word_bytes;
  char *word_text;
  char *watchdog_digits; /* WATCHDOG_PID's value, like the next */
  char *pid_digits;      /* LISTEN_PID's value, room for 11 bytes; NULL without one */
  int32_t *sources;      /* what becomes descriptor 0, 1, 2, 3…; -1 leaves it closed */
  uint32_t source_count;
  int32_t report;     /* write end of the report pipe */
  int32_t group;      /* directory of the control group, -1 for none */
  uint32_t is_placed; /* 1 when the child is born in it; capus_spawn's business */
  uint32_t is_old;    /* 1 when it is made by clone(2); capus_spawn's business */
  uint32_t identity;  /* the step that changes it; CAPUS_UNBORN for none */
  struct capus_expected expected;
  char ***paths; /* by enum capus_path_list */
  const char *root;
  const char
      *channel; /* path of NOTIFY_SOCKET, which a new root or /tmp leaves in reach, or NULL */
  const struct capus_instruction *filter;
  uint16_t filter_count;     /* 0: a name is unknown, the step fails */
  uint8_t hides_processes;   /* those of other users, in /proc */
  uint8_t is_read_only;      /* CAPUS_SANDBOX_READ_ONLY follows */
  uint8_t landlock_optional; /* a kernel without landlock is no failure */
  uint32_t clone_flags;      /* CLONE_NEWPID or 0 */
  uint32_t is_apart;         /* 1 when the child gets a copy of the memory, see capus_hear */
  int32_t devices;           /* the child's: /dev of the board */
  /* Written by the child: the index of the step it takes, and the errno it failed with; in this
   * order into the report pipe where it is apart. */
  volatile uint32_t stage; /* CAPUS_UNBORN before the first */
  volatile int32_t error;
  volatile int32_t found;   /* by CAPUS_READ_PID */
  volatile int32_t clamped; /* bits of RLIMIT_* that came out lower than asked for */
};

/* True where a process has an inode number of its own for as long as the board is up (pidfs, Linux
 * 6.9). */
int capus_has_pidfs(void);
/* Takes over the stage and error of a child that is apart. */
void capus_hear(struct capus_plan *plan, int32_t report);

/* Makes the child and returns its pid, or -errno with nothing made. `*pidfd` is its pidfd.
 * Signals must be blocked, but for those a fault sends. Falls back to clone(2) below Linux 5.5. */
int capus_spawn(struct capus_plan *plan, void *stack, size_t stack_size, int32_t *pidfd);

/* Keeps who runs as the user of a child, or as root without a capability, out of the memory of
 * apus; does nothing where apus has no right that they lack. After each execve(2) of itself once
 * more. */
void capus_hide_memory(void);
/* 1 when memory that a child with another identity shares could be read, written or ended by who
 * has that identity: with fs.suid_dumpable 1, with 2 before Linux 5.16, or when that cannot be
 * told. Asks the kernel each time. */
int32_t capus_memory_is_exposed(void);

/* The version of landlock(7) this kernel has, or -errno: ENOSYS, EOPNOTSUPP. */
int32_t capus_landlock_version(void);

#endif
