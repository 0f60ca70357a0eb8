/* The allocator of the device: it never takes anything back, but for all of a load at once, and can
 * tell that nothing allocates any more.
 *
 * On the device malloc and its kin are these functions, and free does nothing. On the host they
 * exist beside the C library's, where only tests call them. One thread only. */
#ifndef APUS_ARENA_H
#define APUS_ARENA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns zeroed memory of at least `size` bytes, aligned to 16, or NULL when the kernel has none.
 * From 4 KiB on it is a mapping of its own. */
void *apus_arena_allocate(size_t size);

/* As apus_arena_allocate, aligned to `alignment`, a power of two up to 4,096; NULL for any other.
 */
void *apus_arena_allocate_aligned(size_t alignment, size_t size);

/* Says whether what is allocated from now on is only needed until apus_arena_drop, as what a load
 * makes on its way is. */
void apus_arena_scratch(bool begins);

/* Gives back to the kernel everything that was allocated as scratch. Whoever still reads it ends
 * with SIGSEGV. */
void apus_arena_drop(void);

/* Declares boot over: from now on allocations are counted. They still succeed, since a supervisor
 * that dies of a surprise is worse than one that grew. */
void apus_arena_seal(void);

/* How many allocations happened since the arena was sealed; zero before. */
uint64_t apus_arena_allocations_after_seal(void);

/* How many bytes of lasting memory were ever handed out. */
size_t apus_arena_bytes(void);

#endif
