/* Which file systems answer by themselves, from the table of mounts: to ask one itself may take for
 * ever. */
#include <string.h>

#include "include/changes.h"
#include "walk.h"

/* The one that was last found to; 0 is none. */
static uint64_t known;

void capus_forget_mounts(void) {
  known = 0;
}

static bool is_in_table(const uint32_t device[2]) {
  static const char types[] = " tmpfs ramfs devtmpfs proc sysfs overlay ext4 ext3 ext2 f2fs "
                              "squashfs erofs vfat xfs btrfs rootfs jffs2 ubifs functionfs ";
  static char text[4097];
  char wanted[32] = " ";
  long count;
  const int fd = raw_open("/proc/self/mountinfo", O_RDONLY);
  raw_text(raw_decimal(raw_text(raw_decimal(wanted + 1, device[0]), ":"), device[1]), " ");
  /* Whole lines, unless one is longer than that. */
  const char *found = NULL;
  while (!found && (count = raw3(SYS_read, fd, text, sizeof text - 1)) > 0) {
    text[count] = 0;
    for (char *next, *line = text; !found && (next = strchr(line, '\n')); line = next + 1) {
      *next = 0;
      char *type = raw_find(line, wanted) ? (char *)raw_find(line, " - ") : NULL;
      char *end = type ? strchr(type + 3, ' ') : NULL;
      if (end) {
        end[1] = 0;
        found = raw_find(types, type + 2);
      }
    }
  }
  raw1(SYS_close, fd);
  return found;
}

bool capus_is_local(const struct raw_status *status, const struct raw_status *root) {
  uint64_t device, own;
  memcpy(&device, status->device, sizeof device);
  memcpy(&own, root->device, sizeof own);
  if (device != own && device != known) {
    if (!is_in_table(status->device))
      return false;
    known = device;
  }
  return true;
}
