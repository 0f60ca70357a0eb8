/* The steps of the child that have files of their own. */
#ifndef CAPUS_STEPS_H
#define CAPUS_STEPS_H

#include <stdbool.h>

#include "include/child.h"
#include "raw.h"

/* What runs in the child. */
#define CHILD_CODE __attribute__((no_stack_protector))
#define CHILD CHILD_CODE static
/* What several steps call stays one copy; the inliner does not see that as smaller. */
#define SHARED __attribute__((noinline)) CHILD

/* Each answers 0 or -errno. */

/* One of enum capus_sandbox_step. */
CHILD_CODE long capus_sandbox(struct capus_plan *plan, unsigned step);
/* Leaves only the files of the plan's lists. */
CHILD_CODE long capus_landlock(struct capus_plan *plan);
/* One of the steps that say how and with which rights the child runs. */
CHILD_CODE long capus_take_right(struct capus_plan *plan, const struct capus_step *step);
/* An unmet condition fails with its own number, counted from 1. */
CHILD_CODE long capus_check_condition(const struct capus_step *step);
/* Adds what a file says to the environment; see CAPUS_ENVIRONMENT. */
CHILD_CODE long capus_read_environment(struct capus_plan *plan, const struct capus_step *step);
/* Puts variables of the plan's environment into its arguments: -E2BIG when there is no room. */
CHILD_CODE long capus_expand(struct capus_plan *plan);
/* Makes base/path as the step wants it, and what is missing on the way the service's with mode
 * 0755. Below a directory that is another's, or that the service's user may write to, it is made by
 * the rights of that one, and nothing is given away or changed that is neither's: -EPERM. Its
 * descriptor. */
CHILD_CODE long capus_make_directory(const struct capus_plan *plan, const struct capus_step *step);
/* May the service's user change names in the directory? */
CHILD_CODE bool capus_may_write(const struct capus_plan *plan, const struct raw_status *directory);
/* Has files made and opened by the rights of somebody else, until it is asked for apus's own. */
CHILD_CODE void capus_act_as(uint32_t uid, uint32_t gid);
CHILD_CODE void capus_act_as_self(void);
/* Opens a file for a service; trusted links are followed. In a folder where others may change names
 * only a regular file without other names, and by the rights of the service's user what is read,
 * and what is written in a folder that this user may change or below one that is not root's. */
CHILD_CODE long capus_open_for(const struct capus_plan *plan, const char *path, int flags,
                               int mode);
CHILD_CODE long capus_open_stream(struct capus_plan *plan, const struct capus_step *step);
CHILD_CODE long capus_take_terminal(struct capus_plan *plan, const struct capus_step *step);
CHILD_CODE long capus_place_descriptors(struct capus_plan *plan);
/* close_range(2), or one by one where that is refused. */
CHILD_CODE long capus_close_range(unsigned first, unsigned last);

/* The steps that take the place of a program, and answer its exit code; see CAPUS_READ_PID and
 * CAPUS_CONNECT. */
CHILD_CODE long capus_read_pid(struct capus_plan *plan, const struct capus_step *step);
CHILD_CODE long capus_connect(const struct capus_step *step);

#endif
