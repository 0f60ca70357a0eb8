/* trace FIRST LAST: what the random boards of these seeds do, step for step, on standard output.
 *
 * A program of the device without a kernel under it: the same seeds give the same bytes on every
 * processor. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Sources/ApusSimulation/Lives.swift: false when a rule was broken. */
_Bool apus_trace(uint64_t first, uint64_t last, void (*write)(const uint8_t *bytes, size_t count));

static void put(const uint8_t *bytes, size_t count) {
  if (fwrite(bytes, 1, count, stdout) != count) {
    perror("trace: cannot write");
    exit(1);
  }
}

int main(int count, char **arguments) {
  if (count != 3) {
    fputs("usage: trace FIRST LAST\n", stderr);
    return 2;
  }
  uint64_t first = strtoull(arguments[1], NULL, 10);
  uint64_t last = strtoull(arguments[2], NULL, 10);
  return apus_trace(first, last, put) && fflush(stdout) == 0 ? 0 : 1;
}
