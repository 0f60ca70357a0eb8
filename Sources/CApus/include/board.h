/* What only PID 1 asks of the kernel: mounts, console, modules, power. Paths end in a NUL. Every
 * function returns -errno when it fails. */
#ifndef CAPUS_BOARD_H
#define CAPUS_BOARD_H
#include <stddef.h>
#include <stdint.h>

/* Opens something harmless as 0, 1 and 2 where nothing is open, so that no later descriptor gets
 * one of these numbers. */
void capus_secure_streams(void);
/* Closes what another init has left open beyond these: it would hold the root it came from. */
void capus_close_inherited(void);
/* Makes a terminal 0, 1 and 2, without ever waiting for it. */
int32_t capus_open_console(const char *path);

/* A mount point or not: 1 or 0. */
int32_t capus_is_mount_point(const char *path);
/* mount(2); `flags` are MS_*. */
int32_t capus_mount(const char *source, const char *target, const char *type, uint32_t flags,
                    const char *options);
/* mkdir(2) with exactly that mode. */
int32_t capus_make_path(const char *path, uint32_t mode);
int32_t capus_make_link(const char *target, const char *path);
/* Is anything there: 1 or 0. */
int32_t capus_exists(const char *path);
/* As much as fits, to the end; how much that is. */
int64_t capus_read_all(int32_t fd, uint8_t *bytes, size_t capacity);
int64_t capus_read_file(const char *path, uint8_t *bytes, size_t capacity);
/* Writes a file that exists already, in one write(2). */
int32_t capus_write_file(const char *path, const uint8_t *bytes, size_t count);

/* Takes the seed that the last boot left, which counts as entropy when it is a file of mode 0600 of
 * root's, and saves another one at once. Of a file that cannot be removed nothing counts. */
int32_t capus_seed_load(const char *path);
int32_t capus_seed_save(const char *path);
/* swapon(2). */
int32_t capus_swap_on(const char *path);

int32_t capus_set_host_name(const uint8_t *name, size_t count);
int32_t capus_raise_loopback(void);
/* finit_module(2) without parameters; a compressed one is the kernel's business (Linux 5.17). */
int32_t capus_load_module(const char *path, int32_t is_compressed);
/* uname(2)'s release; its length. */
int32_t capus_kernel_release(uint8_t *bytes, size_t capacity);
/* 1 in the machine's own pid namespace, 0 in a container's. */
int32_t capus_is_initial_pid_namespace(void);
/* 1 when the program's file gave more rights than its caller has (getauxval(3), AT_SECURE). */
int32_t capus_is_privileged_by_file(void);

/* A program in a session of its own on a terminal: its pid. `arguments` are strings that each end
 * in a NUL, 15 at most are used; without such a program /bin/sh is it. */
int32_t capus_start_shell(const char *console, const uint8_t *arguments, size_t count);
/* Blocks every signal but those of a fault. */
void capus_block_signals(void);
/* The next signal, at most after so long: its number, or -EAGAIN. */
int32_t capus_wait_signal(int32_t timeout_ms);
/* Reaps one ended child: its pid, 0 when none has ended, -ECHILD when there is none. */
int32_t capus_reap_any(void);

enum capus_attempt {
  CAPUS_SYNC,
  CAPUS_UNMOUNT,
  CAPUS_READ_ONLY, /* remounts */
  CAPUS_SWAP_OFF,
  CAPUS_SEED, /* capus_seed_save */
  /* Of a file that counts boots: reads how many, counts one more, begins anew; see boots.c. */
  CAPUS_READ_BOOTS,
  CAPUS_COUNT_BOOT,
  CAPUS_GOOD_BOOT,
  CAPUS_CREATE, /* capus_create: the path is that of the description in memory */
};
/* A node of the file system as it is wanted. */
struct capus_creation {
  const char *path;
  const char *text;      /* a file's content, or where a link leads */
  int32_t mode;          /* -1 leaves what is there as it is */
  int32_t user, group;   /* -1 leaves it as it is */
  uint32_t major, minor; /* of a device */
  uint8_t kind;          /* of `Creation` */
};
/* Subtracted from -errno: what could not be done. Nothing says that the folder was not reached. */
enum { CAPUS_CREATE_MAKE = 1 << 16, CAPUS_CREATE_OWN = 2 << 16 };
/* Makes it if it is not there, and the directories on the way; in a process of its own, whose umask
 * and descriptors it leaves as they come. A file that is there keeps its content; a link that leads
 * elsewhere is replaced, any other kind of node is -EEXIST. Links on the way must be root's. */
int32_t capus_create(const struct capus_creation *wanted);
/* How many boots there were, -ENOENT before the first, or 0 when it is written. */
int32_t capus_boots(const char *path, enum capus_attempt what);
/* Does it in a child, and leaves the child behind when it takes longer than that: -ETIMEDOUT. Of
 * one that is not waited for, with -1, the child itself says on the console what went wrong. */
int32_t capus_attempt(enum capus_attempt what, const char *path, int32_t timeout_ms);

/* The hardware watchdog: its device, and in seconds its timeout, how long before it the kernel is
 * told (0 for not at all), and its timeout from `capus_watchdog_end` on. Without a device one that
 * is open from another manifest is disarmed. */
void capus_watchdog_set(const uint8_t *path, size_t count, int32_t time, int32_t before,
                        int32_t at_reboot);
/* Puts it off, opening it first when it is not open. `*seconds` is then the timeout the driver
 * took, else 0. Gives an error once, as long as it stays the same. */
int32_t capus_watchdog_pet(int32_t *seconds);
/* Puts it off where there is no loop; how long to wait before the next time, at most that long. */
int32_t capus_watchdog_keep(int32_t timeout_ms);
/* From now on it waits as long as a reboot may take. */
void capus_watchdog_end(void);
/* Resets nothing any more, unless the driver cannot be stopped. */
void capus_watchdog_disarm(void);

enum capus_power { CAPUS_REBOOT, CAPUS_POWER_OFF, CAPUS_HALT, CAPUS_KEXEC };
/* Ctrl-Alt-Del becomes SIGINT to PID 1. */
int32_t capus_take_ctrl_alt_del(void);
/* Keeps up to 64 bytes as the argument of a reboot(2) to come, in the record where there is one. */
void capus_argument_keep(const uint8_t *text, size_t count);
/* reboot(2), without a sync; a reboot with the argument that is kept (Linux 2.1.30). */
int32_t capus_power(enum capus_power action);
/* Sleeps, for what must never return. */
void capus_sleep_for_ever(void) __attribute__((noreturn));
void capus_exit(int32_t code) __attribute__((noreturn));
#endif
