/* What runs in the child between clone3(2) and execve(2). */
#ifndef CAPUS_CHILDSIDE_H
#define CAPUS_CHILDSIDE_H

#include "child.h"

/* On 32-bit ARM it stays ARM code: as one large Thumb function it is more than the code generator
 * can place constants in. */
#if defined(__arm__)
#define CHILD_SIDE __attribute__((no_stack_protector, target("arm")))
#else
#define CHILD_SIDE __attribute__((no_stack_protector))
#endif
#define CHILD CHILD_SIDE static

/* The steps that take the place of a program; see CAPUS_READ_PID and CAPUS_CONNECT. */
long child_read_pid(struct capus_plan *plan, const struct capus_step *step);
long child_connect(const struct capus_step *step);

/* Adds what a file says to the environment; see CAPUS_ENVIRONMENT. */
long child_read_environment(struct capus_plan *plan, const struct capus_step *step);

#endif
