/* Files of `environmentFile`. */
#include "fake.h"

/* What is opened component by component (steps.h). */
struct capus_plan;
__attribute__((no_stack_protector)) long capus_open_for(const struct capus_plan *plan,
                                                        const char *path, int flags, int mode) {
  (void)plan, (void)path, (void)flags, (void)mode;
  return FAKE_FD;
}

#include "../../Sources/CApus/environment.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  enum { ROOM = 8192, ENTRIES = 64 };
  struct capus_plan plan = {0};
  struct capus_step step = {.text = "/file", .first = 1};
  char first[] = "PATH=/bin";
  char *text = malloc(ROOM);
  char **entries = calloc(ENTRIES + 2, sizeof *entries);
  entries[0] = first;
  plan.environment = entries;
  plan.environment_room = ENTRIES;
  plan.file_text = text;
  plan.file_room = ROOM;
  fake_begin(bytes, count);
  if (capus_read_environment(&plan, &step) == 0)
    for (char **entry = entries; *entry != NULL; entry++)
      if (strchr(*entry, '=') == NULL)
        abort();
  free(entries);
  free(text);
  return 0;
}
