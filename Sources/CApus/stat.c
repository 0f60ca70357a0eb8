/* statx(2), and in its place what was there before it: kernels older than 4.11, and the filters of
 * containers that answer EPERM to what they do not know. */
#include "raw.h"

/* Where the C library's structure is the kernel's it serves. */
#if defined(__arm__)
#include <asm/stat.h>
#define OLD_STAT stat64
#define NR_OLD_STAT SYS_fstatat64
#define OLD_CHANGED(old) ((old).st_ctime)
#define OLD_CHANGED_PART(old) ((old).st_ctime_nsec)
#else
#include <sys/stat.h>
#define OLD_STAT stat
#define NR_OLD_STAT SYS_newfstatat
#define OLD_CHANGED(old) ((old).st_ctim.tv_sec)
#define OLD_CHANGED_PART(old) ((old).st_ctim.tv_nsec)
#endif

__attribute__((no_stack_protector)) int raw_stat(int directory, const char *path, int flags,
                                                 struct raw_status *status) {
  enum { BASIC_STATS = 0x7ff, NO_SUCH_CALL = -38, NOT_PERMITTED = -1, INVALID = -22 };
  struct OLD_STAT old;
  int result = (int)raw5(SYS_statx, directory, path, flags, BASIC_STATS, status);
  if (result != NO_SUCH_CALL && result != NOT_PERMITTED && result != INVALID)
    return result;
  result = (int)raw4(NR_OLD_STAT, directory, path, &old, flags);
  if (result < 0)
    return result;
  status->links = (uint32_t)old.st_nlink;
  status->uid = old.st_uid;
  status->gid = old.st_gid;
  status->mode = (uint16_t)old.st_mode;
  status->inode = old.st_ino;
  status->size = (uint64_t)old.st_size;
  status->changed = (uint64_t)OLD_CHANGED(old);
  status->changed_part = (uint32_t)OLD_CHANGED_PART(old);
  /* As the kernel packs the numbers of a device for user space. */
  const uint64_t device = old.st_dev;
  status->device[0] = (uint32_t)(device >> 8 & 0xfff);
  status->device[1] = (uint32_t)((device & 0xff) | (device >> 12 & 0xfff00));
  return 0;
}

__attribute__((no_stack_protector)) int raw_stat_now(int directory, const char *path, int flags,
                                                     struct raw_status *status) {
  enum { DONT_SYNC = 0x4000, INVALID = -22 };
  const int result = raw_stat(directory, path, flags | DONT_SYNC, status);
  /* fstatat(2), which took the place of statx(2), does not know that. */
  return result == INVALID ? raw_stat(directory, path, flags, status) : result;
}
