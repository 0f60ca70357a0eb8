/* The record as record.c and fault.c share it. */
#ifndef CAPUS_RECORD_LAYOUT_H
#define CAPUS_RECORD_LAYOUT_H

#include "include/record.h"

enum { RECORD_MAGIC = 0x31757061, PATH_BYTES = 256, CRASHES = 4 };

/* Fixed for all versions, as is the head of a slot. */
struct record {
  uint32_t magic, slot_size, services, listeners, connections, slots_at, files_at, files_end;
  int64_t start_us;
  int64_t crashes[CRASHES]; /* newest first */
  uint32_t signal;          /* the fault that ended the program, 0 for none */
  uint32_t lost;
  char path[PATH_BYTES];
  uint32_t stores; /* slots of parked descriptors, behind the board's; 0 before there were any */
};

/* In a slot of a parked descriptor `check` is its service, `generation` whether its hang-up counts,
 * and the bytes are its name. */
struct slot {
  int32_t fd, pid;
  uint32_t generation, identity, check;
  uint8_t count;
  uint8_t bytes[CAPUS_SLOT_BYTES];
};

static inline uint32_t board_slot(const struct record *record) {
  return record->services + record->listeners + record->connections;
}

static inline uint32_t slot_count(const struct record *record) {
  return board_slot(record) + 1 + record->stores;
}

static inline struct slot *slot_at(struct record *record, uint32_t index) {
  return (struct slot *)((char *)record + record->slots_at + (size_t)index * record->slot_size);
}

/* The record that is written, NULL for none. */
struct record *capus_record_current(void);

/* The record a crash leaves behind, and its descriptor. */
extern struct record *capus_kept;
extern int32_t capus_kept_fd;

void capus_fault_arm(void);
/* True for the first argument of a program that follows another one in its process; its record's
 * number is then in capus_kept_fd. */
int capus_take_resume_word(const char *word);
/* Has every kept descriptor go through execve(2), or again not. */
void capus_keep_descriptors(int is_kept);

#endif
