/* Descriptors that services have parked (FDSTORE=1 of sd_notify(3)). They lie in the record, and so
 * outlive apus. `data` is what epoll(7) reports a hang-up with; a slot's number is added at bit 8.
 */
#ifndef CAPUS_STORE_H
#define CAPUS_STORE_H
#include <stddef.h>
#include <stdint.h>

/* Parks what came with the last datagram; `bytes` are that. How many were refused: over the limit,
 * or all for a name that is none, and files of a file system that asks a server. One that is there
 * already is only closed. */
int32_t capus_store_add(uint32_t service, uint32_t limit, const uint8_t *bytes, size_t count,
                        int32_t epoll, uint64_t data);
/* Closes those with the datagram's FDNAME, or with `bytes` NULL all of the service. */
void capus_store_remove(uint32_t service, const uint8_t *bytes, size_t count, int32_t epoll);
/* Closes one that has been hung up. */
void capus_store_hangup(uint32_t slot, int32_t epoll);
/* The next one of a service behind `*at`, at first 0, in the order in which they were parked, and
 * its name of `*count` bytes; -1 after the last. */
int32_t capus_store_next(uint32_t service, uint32_t *at, const uint8_t **name, size_t *count);
/* Takes over what the program before this one kept. */
void capus_store_resume(int32_t epoll, uint64_t data);

#endif
