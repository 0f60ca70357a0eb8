/* What only PID 1 asks of the kernel: mounts, console, modules, power. Paths end in a NUL. Every
   function returns -errno when it fails. */
#ifndef CAPUS_BOARD_H
#define CAPUS_BOARD_H
#include <stddef.h>
#include <stdint.h>

#endif
