#include "client.h"

#ifndef APUS_COMMIT
#define APUS_COMMIT "development"
#endif

/* As long as what board/build writes over it. Volatile, so that no compiler knows what it says. */
__attribute__((section(".apus_commit"), used)) static const volatile char commit[24] = APUS_COMMIT;

const char *capus_commit(void) {
  return (const char *)commit;
}
