/* Memory in the order of the requests, from mapped chunks that are touched as they are used. */
#include "arena.h"
#include <errno.h>

#include "raw.h"

enum {
  unit = 16,
  page = 4096,
  /* Address space, not memory: pages count once they are touched. */
  chunk = 256 * 1024,
};

/* A mapping of the scratch, to find it again. */
struct mapping {
  struct mapping *next;
  void *start;
  size_t size;
};

/* What is left of the newest chunk: lasting, and scratch. */
struct pool {
  uintptr_t rest;
  uintptr_t limit;
};

static struct {
  struct pool lasting;
  struct pool scratch;
  struct mapping *mappings;
  size_t bytes;
  uint64_t late;
  bool is_scratch;
  bool sealed;
} arena;

/* Maps zeroed memory, and notes where when it is scratch; the note stands in a chunk's own start,
 * which is the first thing of it that is used. */
static uintptr_t map(size_t size, bool is_chunk) {
  void *start = raw_map(size, 0);
  if (start == NULL) {
    return 0;
  }
  if (arena.is_scratch) {
    struct mapping *mapping = start;
    if (!is_chunk) {
      mapping = apus_arena_allocate(sizeof *mapping);
      if (mapping == NULL) {
        raw2(SYS_munmap, start, size);
        return 0;
      }
    }
    *mapping = (struct mapping){arena.mappings, start, size};
    arena.mappings = mapping;
  }
  return (uintptr_t)start;
}

void *apus_arena_allocate_aligned(size_t alignment, size_t size) {
  struct pool *pool = arena.is_scratch ? &arena.scratch : &arena.lasting;
  size_t whole = (size + !size + unit - 1) & ~(size_t)(unit - 1);
  if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > page || whole < size) {
    return NULL;
  }
  arena.late += arena.sealed;
  alignment = alignment < unit ? unit : alignment;
  if (whole >= page) {
    whole = (size + page - 1) & ~(size_t)(page - 1);
    uintptr_t start = whole < size ? 0 : map(whole, false);
    arena.bytes += start != 0 && !arena.is_scratch ? whole : 0;
    return (void *)start;
  }
  uintptr_t start = (pool->rest + alignment - 1) & -(uintptr_t)alignment;
  if (pool->limit < start || pool->limit - start < whole) {
    start = map(chunk, true);
    if (start == 0) {
      return NULL;
    }
    pool->limit = start + chunk;
    size_t used = arena.is_scratch ? sizeof(struct mapping) : 0;
    start = (start + used + alignment - 1) & -(uintptr_t)alignment;
  }
  pool->rest = start + whole;
  arena.bytes += arena.is_scratch ? 0 : whole;
  return (void *)start;
}

void *apus_arena_allocate(size_t size) {
  return apus_arena_allocate_aligned(unit, size);
}

void apus_arena_scratch(bool begins) {
  arena.is_scratch = begins;
}

void apus_arena_drop(void) {
  struct mapping *mapping = arena.mappings;
  while (mapping != NULL) {
    /* A chunk holds notes of others, and its own stands behind theirs in the list. */
    struct mapping found = *mapping;
    raw2(SYS_munmap, found.start, found.size);
    mapping = found.next;
  }
  arena.mappings = NULL;
  arena.scratch = (struct pool){0};
}

void apus_arena_seal(void) {
  arena.sealed = true;
}

uint64_t apus_arena_allocations_after_seal(void) {
  return arena.late;
}

size_t apus_arena_bytes(void) {
  return arena.bytes;
}

#ifdef APUS_DEVICE

/* Swift calls posix_memalign and free, libcap malloc and calloc. */

void *malloc(size_t size) {
  void *memory = apus_arena_allocate(size);
  if (memory == NULL) {
    errno = ENOMEM;
  }
  return memory;
}

void free(void *memory) {
  (void)memory;
}

void *calloc(size_t count, size_t size) {
  size_t whole;
  return malloc(__builtin_mul_overflow(count, size, &whole) ? SIZE_MAX : whole);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *found = apus_arena_allocate_aligned(alignment, size);
  if (found == NULL) {
    return ENOMEM;
  }
  *memory = found;
  return 0;
}

#endif
