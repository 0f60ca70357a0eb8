/* The steps of the child that have files of their own. */
#ifndef CAPUS_STEPS_H
#define CAPUS_STEPS_H

#include <stdbool.h>

#include "include/child.h"
#include "raw.h"

/* What runs in the child. On 32-bit ARM it stays ARM code: as one large Thumb function it is more
 * than the code generator can place constants in. */
#if defined(__arm__)
#define CHILD_CODE __attribute__((no_stack_protector, target("arm")))
#else
#define CHILD_CODE __attribute__((no_stack_protector))
#endif
#define CHILD CHILD_CODE static

/* One of enum capus_sandbox_step; 0 or -errno. */
CHILD_CODE long capus_sandbox(struct capus_plan *plan, unsigned step);
/* Leaves only the files of the plan's lists; 0 or -errno. */
CHILD_CODE long capus_landlock(struct capus_plan *plan);

#endif
