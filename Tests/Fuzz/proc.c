/* Small texts of /proc, the kernel's log and pid files. */
#include "fake.h"

#include "../../Sources/CApus/condition.c"
#include "../../Sources/CApus/look.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct capus_plan plan = {0};
  struct capus_step step = {.text = "apus.debug=1", .small = 2};
  fake_begin(bytes, count);
  capus_check_condition(&step);
  fake_begin(bytes, count);
  capus_read_pid(&plan, &step);
  if (plan.found < 0)
    abort();
  return 0;
}
