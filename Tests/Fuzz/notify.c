/* Datagrams of services: the values of their lines, and the status they are shown with. */
#include "fake.h"

#include "../../Sources/CApus/notify.c"

int32_t capus_kin(int32_t pid, const struct capus_tree *tree) {
  (void)pid, (void)tree;
  return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  enum { LIMIT = 80 };
  static const char *const names[] = {"FDNAME=", "FDPOLL=", "STATUS=", "MAINPID="};
  uint8_t *copy = exact(bytes, count);
  for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
    size_t length = 0;
    const uint8_t *value = capus_notify_value(copy, count, names[index], &length);
    if (value != NULL && (value < copy || value + length > copy + count))
      abort();
  }
  uint8_t *status = calloc(1, LIMIT + 1);
  capus_notify_status(copy, count, status, LIMIT);
  if (*status > LIMIT)
    abort();
  free(status);
  free(copy);
  return 0;
}
