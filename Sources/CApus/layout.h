/* The record as those share it who write it, read it and keep it over a crash. */
#ifndef CAPUS_RECORD_LAYOUT_H
#define CAPUS_RECORD_LAYOUT_H

#include "include/log.h"
#include "include/record.h"

enum {
  RECORD_MAGIC = 0x31757061,
  PATH_BYTES = 256,
  CRASHES = 4,
  PATH_MOST = 1024,
  RESCUE_BYTES = 1024,
  ARGUMENT_BYTES = 65
};

/* Fixed for all versions, as is the head of a slot. */
struct record {
  uint32_t magic, slot_size, services, listeners, connections, slots_at, files_at, files_end;
  int64_t start_us;
  int64_t crashes[CRASHES]; /* newest first */
  uint32_t signal;          /* the fault that ended the program, 0 for none */
  uint32_t lost;
  char path[PATH_BYTES];
  int32_t log_fd;  /* 0 for none, as an older program leaves it */
  uint32_t stores; /* slots of parked descriptors, behind the board's; 0 before there were any */
  uint32_t stage, asked; /* of the program that writes it, and of the one it executes */
  int32_t watchdog_fd;   /* 0 for none */
  uint32_t channels;     /* slots of notify channels, by service, behind the parked descriptors' */
  /* The pause after crashes: how long the last one is, until when, 0 without one; and since when
   * there has been neither a crash nor a pause. */
  int64_t pause_us, pause_until, well_since;
  int64_t boot_end_us;
  uint32_t lines_at, lines; /* of the boot's time line; 0 before there were any */
  uint32_t rescue_count;    /* the console and argv of the rescue shell, each ended by a NUL */
  uint8_t rescue[RESCUE_BYTES];
  char argument[ARGUMENT_BYTES]; /* of reboot(2), ended by a NUL; empty for none */
};

enum { ENDED = 1 << 16 };

/* In a slot of a parked descriptor `check` is its service, `generation` whether its hang-up counts,
 * and the bytes are its name. */
struct slot {
  int32_t fd, pid;
  uint32_t generation, identity, check;
  uint8_t count;
  uint8_t bytes[CAPUS_SLOT_BYTES];
  /* How its process ended while nobody supervised: a status of wait4(2) and ENDED. */
  int32_t end;
  /* The same of a service's helper. */
  int32_t helper, helper_end;
  uint32_t helper_generation;
};

static inline uint32_t board_slot(const struct record *record) {
  return record->services + record->listeners + record->connections;
}

static inline uint32_t slot_count(const struct record *record) {
  return board_slot(record) + 1 + record->stores + record->channels;
}

static inline struct capus_line *line_at(struct record *record, uint32_t index) {
  return (struct capus_line *)((char *)record + record->lines_at) + index;
}

static inline struct slot *slot_at(struct record *record, uint32_t index) {
  return (struct slot *)((char *)record + record->slots_at + (size_t)index * record->slot_size);
}

/* The record that is written, NULL for none. */
struct record *capus_record_current(void);

/* The record a crash leaves behind, and its descriptor. */
extern struct record *capus_kept;
extern int32_t capus_kept_fd;

/* What log.c keeps in a memfd of its own: a table, then the rings. Its head, and that of an entry,
 * is fixed for all versions, so that another build finds the pipes. */
struct logs {
  uint32_t magic, ring_bytes, count;
  int32_t fd;
  uint64_t size;
};

struct ring {
  uint32_t identity;
  int32_t fds[2];              /* of the pipe; 0 for none */
  uint32_t start, size, there; /* in the memfd, and how much of it is there */
  uint32_t written, used;      /* bytes ever, and of the lines that are still there */
  uint32_t number;             /* lines ever */
  uint32_t open_at, state;     /* the line without an end */
  uint32_t in_window;
  int64_t window, file_retry;
  int32_t file; /* the channel to the process that writes it; 0 for none */
  int32_t writer;
  struct capus_log_rule rule; /* of this program; the pointers mean nothing to another one */
};

extern struct logs *capus_kept_logs;

/* Does something to every descriptor of the kept logs. */
void capus_log_each(void (*act)(int32_t fd, int32_t value), int32_t value);
/* Finds the logs of the program before this one, and whether they will be read. */
void capus_log_resume(int32_t fd, int32_t is_read);

int32_t capus_watchdog_descriptor(void);
/* Takes over the watchdog of the program before this one. */
void capus_watchdog_resume(int32_t kept);

/* What capus_record_stage tells. */
extern uint32_t capus_stage;
/* The record in a file of that size, NULL where it cannot be mapped. */
void *capus_record_map(int32_t fd, size_t size);
/* Says in the record until when nobody supervises. */
void capus_begin_pause(struct record *record, int64_t now);
/* Forgets moments that nobody of this boot can have written. */
void capus_forget_impossible(struct record *record, int64_t now);
void capus_fault_arm(void);
/* True for the first argument of a program that follows another one in its process; its record's
 * number is then in capus_kept_fd. */
int capus_take_resume_word(const char *word);
/* Has every kept descriptor go through execve(2), or again not. */
void capus_keep_descriptors(int is_kept);

#endif
