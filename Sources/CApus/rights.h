/* Half of the child's steps; see child.h. */
#ifndef CAPUS_RIGHTS_H
#define CAPUS_RIGHTS_H

#include "child.h"

/* What runs in the child. On 32-bit ARM it stays ARM code: as one large Thumb function it is more
 * than the code generator can place constants in. */
#if defined(__arm__)
#define IN_CHILD __attribute__((no_stack_protector, target("arm")))
#else
#define IN_CHILD __attribute__((no_stack_protector))
#endif

/* Takes one of the steps that say how and with which rights the child runs; 0, or -errno. */
long capus_take_right(const struct capus_plan *plan, const struct capus_step *step);

#endif
