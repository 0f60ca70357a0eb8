/* The allocator of the device: small, compact, and able to tell that nothing allocates any more.
 *
 * On the device malloc and its kin are these functions. On the host they exist beside the C
 * library's, where only tests call them, so the counters read zero. One thread only. */
#ifndef APUS_ARENA_H
#define APUS_ARENA_H
#include <stddef.h>
#include <stdint.h>

/* Returns memory of at least `size` bytes, aligned to 16, or NULL when the kernel has none. From
 * 4 KiB on it is a mapping of its own that goes back to the kernel when released. */
void *apus_arena_allocate(size_t size);

/* As apus_arena_allocate, aligned to `alignment`, a power of two; NULL for any other. */
void *apus_arena_allocate_aligned(size_t alignment, size_t size);

/* Takes back what the two functions above returned; NULL is let pass. Traps when it was released
 * before. */
void apus_arena_release(void *memory);

/* How many bytes the memory behind the pointer can hold. */
size_t apus_arena_capacity(const void *memory);

/* Declares boot over: free pages go back to the kernel, and from now on allocations are counted.
 * They still succeed, since a supervisor that dies of a surprise is worse than one that grew. */
void apus_arena_seal(void);

/* How many allocations happened since the arena was sealed; zero before. */
uint64_t apus_arena_allocations_after_seal(void);

/* How many bytes the arena has ever put to use and not given back to the kernel. */
size_t apus_arena_bytes(void);

#endif
