#include "board.h"

#include <errno.h>
#include <unistd.h>

static int32_t result(int32_t value) {
  return value < 0 ? -errno : value;
}

int32_t capus_close(int32_t fd) {
  return result(close(fd));
}
