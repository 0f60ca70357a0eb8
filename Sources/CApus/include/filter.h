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
enum { CAPUS_FILTER_MOST = 8 + 17 + 3 * 470 + 1 };

/* Writes a filter that allows the system calls and @groups of a list that ends in NULL, or without
 * one what ordinary daemons do, without new namespaces, into room for CAPUS_FILTER_MOST, and
 * returns its length. Anything else ends the process with SIGSYS; calls newer than the list answer
 * ENOSYS. 0 for an unknown name; a name that only other architectures have allows nothing. */
uint32_t capus_filter(char *const *names, struct capus_instruction *program);

/* 1 for a name that such a list can have, on whatever architecture, else 0. */
int32_t capus_filter_knows(const char *name);

/* The name of a system call of this architecture, until the next one is asked for; NULL for a
 * number that the list lacks. */
const char *capus_call_name(uint32_t number);

#endif
