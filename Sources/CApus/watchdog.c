/* The hardware watchdog: a device that resets the machine unless it is written to in time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>

#include "board.h"
#include "layout.h"
#include "raw.h"

static char device[128];
/* In seconds. */
static int32_t timeout, pretimeout, reboot_timeout;
static int32_t fd, said;
static int is_set;

static int32_t ask(unsigned request, int32_t *value) {
  return (int32_t)raw3(SYS_ioctl, fd, request, value);
}

void capus_watchdog_set(const uint8_t *path, size_t count, int32_t time, int32_t before,
                        int32_t at_reboot) {
  if (count == 0)
    return capus_watchdog_disarm();
  memcpy(device, path, count < sizeof device ? count : sizeof device - 1);
  timeout = time;
  pretimeout = before;
  reboot_timeout = at_reboot;
}

int32_t capus_watchdog_descriptor(void) {
  return fd;
}

void capus_watchdog_resume(int32_t kept) {
  if (!capus_is_open(kept))
    return;
  fd = kept;
  ask(WDIOC_GETTIMEOUT, &timeout);
}

/* Drivers without a timeout that can be set have one all the same, and some a range of their own.
 */
static int32_t set_timeout(int32_t seconds) {
  int32_t taken = seconds;
  int32_t error = ask(WDIOC_SETTIMEOUT, &taken);
  if (error < 0)
    taken = seconds;
  ask(WDIOC_GETTIMEOUT, &taken);
  timeout = taken > 0 ? taken : seconds;
  return error;
}

int32_t capus_watchdog_pet(int32_t *seconds) {
  int32_t error = 0;
  *seconds = 0;
  if (fd <= 0) {
    fd = raw_open(device, O_WRONLY | O_NOCTTY | O_NONBLOCK);
    error = fd < 0 ? fd : 0;
  }
  if (fd > 0 && !is_set) {
    struct record *record = capus_record_current();
    if (record != NULL)
      record->watchdog_fd = fd;
    is_set = 1;
    error = set_timeout(timeout);
    int32_t answer = ask(WDIOC_SETPRETIMEOUT, &pretimeout);
    if (pretimeout > 0 && error == 0)
      error = answer;
    *seconds = timeout;
  }
  if (fd > 0) {
    long written = raw3(SYS_write, fd, "", 1);
    error = written < 0 ? (int32_t)written : error;
  }
  if (error < 0 && error == said)
    return 0;
  return said = error;
}

int32_t capus_watchdog_keep(int32_t timeout_ms) {
  if (fd <= 0)
    return timeout_ms;
  raw3(SYS_write, fd, "", 1);
  return timeout_ms / 500 < timeout ? timeout_ms : timeout * 500;
}

void capus_watchdog_end(void) {
  int32_t none = 0;
  if (fd <= 0)
    return;
  ask(WDIOC_SETPRETIMEOUT, &none);
  if (reboot_timeout > 0)
    set_timeout(reboot_timeout);
  capus_watchdog_keep(0);
}

void capus_watchdog_disarm(void) {
  int32_t option = WDIOS_DISABLECARD;
  if (fd <= 0)
    return;
  ask(WDIOC_SETOPTIONS, &option);
  raw3(SYS_write, fd, "V", 1);
  raw1(SYS_close, fd);
  fd = 0;
}
