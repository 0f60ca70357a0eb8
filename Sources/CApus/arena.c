/* Exact-fit free lists over mapped chunks.
 *
 * A block is a multiple of 16 bytes. One word before the caller's memory holds the block's size and
 * flags; the rest of the block is the caller's, and the link of a free list while it is free. A
 * free block is split for a smaller request and not joined before the arena is sealed: what boot
 * releases serves the next requests of boot, and after boot nothing allocates. Sealing joins what
 * is free and gives its pages back to the kernel. Chunks are only touched as far as they are used.
 */
#include "arena.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "raw.h"

enum {
  unit = 16,
  header = sizeof(size_t),
  page = 4096,
  /* Address space, not memory: pages count once they are touched. */
  chunk = 256 * 1024,
  /* Blocks of 1..62 units have a list each; larger ones share the last. */
  lists = 64,
  shared = lists - 1,
  /* Chunks whose free pages can be given back; later ones keep theirs. */
  most_chunks = 32,
};

/* The flags in a header, in the bits that a multiple of 16 leaves free. */
enum {
  /* A mapping of its own; the size is the mapping's. */
  mapped = 1,
  /* Not the start of a block: the size is the distance back to where the block's memory starts. */
  displaced = 2,
  /* Not in use. */
  vacant = 4,
  flags = unit - 1,
};

struct vacancy {
  struct vacancy *next;
};

static struct {
  struct vacancy *list[lists];
  /* Bit n is set while list n holds something. */
  uint64_t occupied;
  /* What is left of the newest chunk; blocks end at multiples of 16. */
  char *rest;
  char *limit;
  char *chunks[most_chunks];
  unsigned chunk_count;
  size_t bytes;
  uint64_t late;
  bool sealed;
} arena;

static size_t *header_of(const void *memory) {
  return (size_t *)((char *)memory - header);
}

static unsigned list_of(size_t size) {
  size_t units = size / unit;
  return units < shared ? (unsigned)units : shared;
}

static void *map(size_t size) {
  return raw_map(size, 0);
}

/* Puts a block on its list. A block of one unit still has room for the link. */
static void vacate(char *memory, size_t size) {
  unsigned list = list_of(size);
  struct vacancy *vacancy = (struct vacancy *)memory;
  *header_of(memory) = size | vacant;
  vacancy->next = arena.list[list];
  arena.list[list] = vacancy;
  arena.occupied |= (uint64_t)1 << list;
}

/* Takes the first block of at least `size` bytes, from the list where it fits best. */
static char *reuse(size_t size) {
  uint64_t candidates = arena.occupied >> list_of(size) << list_of(size);
  while (candidates != 0) {
    unsigned list = (unsigned)__builtin_ctzll(candidates);
    candidates &= candidates - 1;
    for (struct vacancy **link = &arena.list[list]; *link != NULL; link = &(*link)->next) {
      char *memory = (char *)*link;
      size_t found = *header_of(memory) & ~(size_t)flags;
      if (found < size) {
        continue;
      }
      *link = (*link)->next;
      if (arena.list[list] == NULL) {
        arena.occupied &= ~((uint64_t)1 << list);
      }
      if (found > size) {
        vacate(memory + size, found - size);
      }
      return memory;
    }
  }
  return NULL;
}

/* Takes a block from the end of the newest chunk, or of a new one. */
static char *extend(size_t size) {
  if ((size_t)(arena.limit - arena.rest) < size) {
    char *start = map(chunk);
    if (start == NULL) {
      return NULL;
    }
    if (arena.limit > arena.rest) {
      vacate(arena.rest, (size_t)(arena.limit - arena.rest));
    }
    /* Memory starts at a multiple of 16 with its header before it, so the first unit only holds
     * the first header and the last header's block ends one unit before the chunk does. */
    arena.rest = start + unit;
    arena.limit = start + chunk;
    arena.bytes += unit;
    if (arena.chunk_count < most_chunks) {
      arena.chunks[arena.chunk_count++] = start;
    }
  }
  char *memory = arena.rest;
  arena.rest += size;
  arena.bytes += size;
  return memory;
}

void *apus_arena_allocate(size_t size) {
  arena.late += arena.sealed;
  if (size >= page - header) {
    size_t whole = (size + unit + page - 1) & ~(size_t)(page - 1);
    char *start = whole < size ? NULL : map(whole);
    if (start == NULL) {
      return NULL;
    }
    arena.bytes += whole;
    *header_of(start + unit) = whole | mapped;
    return start + unit;
  }
  size_t block = (size + header + unit - 1) & ~(size_t)(unit - 1);
  char *memory = reuse(block);
  if (memory == NULL) {
    memory = extend(block);
  }
  if (memory != NULL) {
    *header_of(memory) = block;
  }
  return memory;
}

void *apus_arena_allocate_aligned(size_t alignment, size_t size) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return NULL;
  }
  if (alignment <= unit) {
    return apus_arena_allocate(size);
  }
  size_t room = size + alignment;
  char *start = room < size ? NULL : apus_arena_allocate(room);
  if (start == NULL) {
    return NULL;
  }
  char *memory = start + (-(uintptr_t)start & (alignment - 1));
  if (memory != start) {
    *header_of(memory) = (size_t)(memory - start) | displaced;
  }
  return memory;
}

void apus_arena_release(void *memory) {
  if (memory == NULL) {
    return;
  }
  size_t word = *header_of(memory);
  char *start = memory;
  if (word & displaced) {
    start -= word & ~(size_t)flags;
    word = *header_of(start);
  }
  if (word & vacant) {
    __builtin_trap();
  }
  size_t size = word & ~(size_t)flags;
  if (word & mapped) {
    arena.bytes -= size;
    raw2(SYS_munmap, start - unit, size);
  } else {
    vacate(start, size);
  }
}

size_t apus_arena_capacity(const void *memory) {
  size_t word = *header_of(memory);
  size_t lead = 0;
  if (word & displaced) {
    lead = word & ~(size_t)flags;
    word = *header_of((const char *)memory - lead);
  }
  size_t size = word & ~(size_t)flags;
  return size - lead - (word & mapped ? (size_t)unit : (size_t)header);
}

/* Joins the free blocks of a chunk that stand side by side, and gives their whole pages back. */
static void trim(char *memory, char *end) {
  while (memory < end) {
    size_t size = 0;
    while (memory + size < end && *header_of(memory + size) & vacant) {
      size += *header_of(memory + size) & ~(size_t)flags;
    }
    if (size > 0) {
      uintptr_t first =
          ((uintptr_t)memory + sizeof(struct vacancy) + page - 1) & ~(uintptr_t)(page - 1);
      uintptr_t last = ((uintptr_t)memory + size - header) & ~(uintptr_t)(page - 1);
      if (first < last) {
        madvise((void *)first, last - first, MADV_DONTNEED);
      }
      vacate(memory, size);
    } else {
      size = *header_of(memory) & ~(size_t)flags;
    }
    memory += size;
  }
}

void apus_arena_seal(void) {
  arena.sealed = true;
  if (arena.chunk_count == most_chunks) {
    return;
  }
  if (arena.limit > arena.rest) {
    vacate(arena.rest, (size_t)(arena.limit - arena.rest));
    arena.rest = arena.limit;
  }
  memset(arena.list, 0, sizeof arena.list);
  arena.occupied = 0;
  for (unsigned index = 0; index < arena.chunk_count; index++) {
    trim(arena.chunks[index] + unit, arena.chunks[index] + chunk);
  }
}

uint64_t apus_arena_allocations_after_seal(void) {
  return arena.late;
}

size_t apus_arena_bytes(void) {
  return arena.bytes;
}

#ifdef APUS_DEVICE

/* Swift calls posix_memalign and free, libcap malloc and calloc; the others are here so that a
 * caller of tomorrow does not bring the C library's allocator back in. */

void *malloc(size_t size) {
  void *memory = apus_arena_allocate(size);
  if (memory == NULL) {
    errno = ENOMEM;
  }
  return memory;
}

void free(void *memory) {
  apus_arena_release(memory);
}

void *calloc(size_t count, size_t size) {
  size_t whole;
  void *memory = NULL;
  if (!__builtin_mul_overflow(count, size, &whole)) {
    memory = apus_arena_allocate(whole);
  }
  if (memory == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  return memset(memory, 0, whole);
}

void *realloc(void *memory, size_t size) {
  if (memory == NULL) {
    return malloc(size);
  }
  size_t capacity = apus_arena_capacity(memory);
  if (size <= capacity && capacity - size < page) {
    return memory;
  }
  void *moved = malloc(size);
  if (moved != NULL) {
    memcpy(moved, memory, size < capacity ? size : capacity);
    free(memory);
  }
  return moved;
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *found = apus_arena_allocate_aligned(alignment, size);
  if (found == NULL) {
    return ENOMEM;
  }
  *memory = found;
  return 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
  void *memory = apus_arena_allocate_aligned(alignment, size);
  if (memory == NULL) {
    errno = ENOMEM;
  }
  return memory;
}

#endif
