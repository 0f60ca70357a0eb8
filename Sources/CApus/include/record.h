/* What survives a crash of apus, and the crash itself.
 *
 * The record is a memfd that stays mapped: a header, the files of the manifest, and one slot for
 * every service, listener and connection and one for the board. A slot begins with what only the
 * kernel layer knows and what the kernel can confirm (a descriptor, a child), then carries bytes of
 * the supervisor under a checksum. The layout up to there is the same in every version, so that
 * another build finds at least its listeners and children. A handler for every signal of a fault
 * runs on a stack of its own and executes the program again with the record's number; see
 * fault.c. One record is written, and after a resume the previous one is read until it is left. */
#ifndef CAPUS_RECORD_H
#define CAPUS_RECORD_H
#include <stddef.h>
#include <stdint.h>

enum { CAPUS_SLOT_BYTES = 181 };

/* Starts a record; what is added becomes its files. -errno when the kernel has no memfd. */
int32_t capus_record_begin(void);
void capus_record_add(const uint8_t *name, size_t name_count, const uint8_t *bytes, size_t count,
                      int32_t error);
/* Makes the slots: services, then listeners, then connections, then the board,
 * then parked descriptors, then the notify channels of the services, or none of them. From now on
 * the signals of a fault are handled. */
int32_t capus_record_finish(uint32_t services, uint32_t listeners, uint32_t connections,
                            uint32_t stores, uint32_t channels, uint32_t lines, int64_t start_us);
/* A line of the boot's time line: of a slot, or with a name where that is CAPUS_NO_SLOT. */
enum { CAPUS_LINE_NAME = 42, CAPUS_LINES_OF_SETUP = 64 };
#define CAPUS_NO_SLOT UINT32_MAX
struct capus_line {
  int64_t at_us; /* 0 for none */
  int64_t duration_us;
  uint32_t slot;
  uint8_t stage, count;
  uint8_t name[CAPUS_LINE_NAME];
};
void capus_record_line(uint32_t index, const struct capus_line *line);
/* A line of the previous record: 1, or 0 behind the last place for one. */
int32_t capus_record_line_kept(uint32_t index, struct capus_line *line);
void capus_record_boot_end(int64_t end_us);
/* Says what a slot is of, in a way that lasts from one build to the next; what is said later adds
 * to it. */
void capus_record_identify(uint32_t slot, const uint8_t *bytes, size_t count);
uint32_t capus_record_identity(uint32_t slot);
/* Keeps the descriptor of the logs; see log.h. */
void capus_record_log(int32_t fd);
/* The slot of this record, from `first` up to `end`, that is of the same as that of the previous
 * one; `near` is tried first. -1 when there is none. */
int32_t capus_record_find(uint32_t previous, uint32_t near, uint32_t first, uint32_t end);
/* Keeps a descriptor, -1 for none, and a process, 0 for none. */
void capus_record_hold(uint32_t slot, int32_t fd, int32_t pid, uint32_t generation);
/* Keeps the process of a service's helper, 0 for none. */
void capus_record_help(uint32_t slot, int32_t pid, uint32_t generation);
/* Keeps bytes of the supervisor; more than CAPUS_SLOT_BYTES are left out. */
void capus_record_put(uint32_t slot, const uint8_t *bytes, size_t count);

/* The checksum of a slot's bytes, by its number. */
uint32_t capus_check(uint32_t slot, const uint8_t *bytes, size_t count);

/* How the program before this one ended. */
enum capus_resume {
  CAPUS_FRESH,    /* there was none */
  CAPUS_REPLACED, /* it was asked to */
  CAPUS_RETURNED, /* the pause after its crashes is over */
  CAPUS_CRASHED,
  CAPUS_CRASHED_OFTEN,    /* the third time within a minute: a pause begins */
  CAPUS_CRASHED_IN_PAUSE, /* once more */
};
/* Opens the previous record, if the command line names one, before anything else is done. One that
 * is none leaves a fresh start without inherited descriptors. */
enum capus_resume capus_record_resume(void);
enum capus_resume capus_record_state(void);
/* Applying a manifest: 0 when there is none to apply, 1 while the files are looked at and what they
 * change ends, 2 for the program that begins with them; and that 1 is 0 after all,
 * without the files of the manifest that was to be. */
uint32_t capus_record_stage(void);
void capus_record_stay(void);
struct capus_previous {
  uint32_t services, listeners, connections;
  uint32_t lost;                 /* events that were at hand at a crash, so far */
  int64_t start_us, boot_end_us; /* 0 before the board was up */
};
void capus_record_previous(struct capus_previous *previous);
struct capus_sizes {
  uint32_t name, bytes;
  int32_t error; /* why it could not be read, 0 when it could */
};
struct capus_file {
  struct capus_sizes sizes;
  uint32_t name_at, bytes_at;
};
/* The next of its files, from `*at`, which begins at 0: 1, or 0 after the last. A file without a
 * name parts those of the manifest that is in force from those of the one that is to be. */
int32_t capus_record_file(uint32_t *at, struct capus_file *file);
void capus_record_read(uint32_t at, uint8_t *bytes, size_t count);
/* Keeps the notify channel of a service, -1 for none. */
void capus_record_channel(uint32_t service, int32_t fd);
/* That of a service of the previous record, -1 for none. */
int32_t capus_record_channel_of(uint32_t service);
/* Its control socket, -1 for none. */
int32_t capus_record_control(void);
/* Closes its control socket; and sends a signal to the groups of all its processes. */
void capus_record_mute(void);
void capus_record_signal(int32_t number);
/* Until when nobody supervises, 0 without a pause. */
int64_t capus_record_pause_end(void);
/* Reaps one ended child as capus_reap_any does, and keeps how a process of the record ended. */
int32_t capus_record_reap(void);
/* Keeps what the rescue shell is, more than 1024 bytes not; and what was kept, its length. */
void capus_record_rescue(const uint8_t *bytes, size_t count);
size_t capus_record_rescue_kept(uint8_t *bytes, size_t capacity);
struct capus_held {
  int32_t fd, pid;
  uint32_t generation, identity;
  int32_t end; /* 0 when it has not ended, else its exit code and 256, or its signal and 512 */
  int32_t helper, helper_end; /* of the service's helper */
  uint32_t helper_generation;
};
/* A slot of the previous record, and how many of its bytes are sound: 0 when they are not. */
size_t capus_record_get(uint32_t slot, struct capus_held *held, uint8_t *bytes);
/* Forgets the previous record: the new one says everything. */
void capus_record_leave(void);

/* 1 when a descriptor came through execve(2). All that did are close-on-exec again. */
int32_t capus_is_open(int32_t fd);
/* 0 and a pidfd (-1 where the kernel has none) when the process is a child of ours, 1 and a pidfd
 * when it is another process, or -ECHILD. */
int32_t capus_adopt_child(int32_t pid, int32_t *pidfd);

/* Where a crash is said besides descriptor 2; -1 for nowhere. */
void capus_fault_log(int32_t fd);
/* Is there a program of this machine at the path apus was started from? 0 or -errno. */
int32_t capus_check_program(void);
/* Executes it with the record, or the program that runs, to apply the manifest on the disk; returns
 * -errno when that fails, with nothing changed. */
int32_t capus_replace(int32_t applies);
/* Executes it to supervise again after a pause; the program that runs when there is none. */
int32_t capus_return(void);

/* Deliberate faults, for tests only: defined where APUS_CRASHES is. */
void capus_abort(void) __attribute__((noreturn));
void capus_touch(uintptr_t address);

#endif
