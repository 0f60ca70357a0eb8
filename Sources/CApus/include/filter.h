/* seccomp(2) filters out of names. */
#ifndef CAPUS_FILTER_H
#define CAPUS_FILTER_H

#include <stdint.h>

/* struct sock_filter as the kernel has it. */
struct capus_instruction {
  uint16_t code;
  uint8_t yes, no;
  uint32_t value;
};

/* The most instructions of a filter. */
enum { CAPUS_FILTER_MOST = 8 + 17 + 3 * 470 + 1 + 300 };

/* What a filter refuses besides, whoever asks; each is a member of `sandbox`. */
enum {
  CAPUS_DENY_CLOCK = 1,         /* setting the clock */
  CAPUS_DENY_HOSTNAME = 2,      /* setting the host's name */
  CAPUS_DENY_WRITE_EXECUTE = 4, /* memory that is writable and executable, or becomes executable */
  CAPUS_DENY_FAMILIES = 8,      /* sockets but those of some address families */
  CAPUS_DENY_NAMESPACES = 16,   /* new namespaces, and entering others */
  CAPUS_DENY_REALTIME = 32,     /* real-time policies of scheduling */
  CAPUS_DENY_SETUID = 64,       /* files with set-user-ID or set-group-ID */
  CAPUS_DENY_PERSONALITY = 128, /* another personality(2) */
};

/* Writes a filter into room for CAPUS_FILTER_MOST and returns its length. It allows the system
 * calls and @groups of a list that ends in NULL, or without one what ordinary daemons do, without
 * new namespaces; with `is_open` everything. Anything else ends the process with SIGSYS; calls
 * newer than the list answer ENOSYS. 0 for an unknown name; a name that only other architectures
 * have allows nothing.
 *
 * What is in `denied` is answered with EPERM, families but those of the bits in `families`, by
 * their AF_* numbers, with EAFNOSUPPORT. Calls of another architecture always end the process: no
 * rule would hold for them. */
uint32_t capus_filter(char *const *names, int is_open, uint32_t denied, uint64_t families,
                      struct capus_instruction *program);

/* 1 for a name that such a list can have, on whatever architecture, else 0. */
int32_t capus_filter_knows(const char *name);

/* The name of a system call of this architecture, until the next one is asked for; NULL for a
 * number that the list lacks. */
const char *capus_call_name(uint32_t number);

#endif
