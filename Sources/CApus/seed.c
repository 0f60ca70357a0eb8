/* The seed that carries randomness over a boot (random(4)). */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "board.h"
#include "layout.h"
#include "raw.h"

enum { SEED_BYTES = 32, SEED_MOST = 512, NOT_BLOCKING = 1, INSECURE = 4 };

/* Makes the entry of a file last, or its absence. */
static int32_t settle(const char *path) {
  char folder[PATH_MOST];
  const char *slash = strrchr(path, '/');
  size_t count = slash ? (size_t)(slash - path) : 0;
  memcpy(folder, path, count);
  folder[count] = 0;
  int fd = raw_open(count > 0 ? folder : "/", O_RDONLY | O_DIRECTORY);
  if (fd < 0)
    return fd;
  int32_t error = (int32_t)raw1(SYS_fsync, fd);
  raw1(SYS_close, fd);
  return error;
}

/* Fills a seed without waiting: 1 when the kernel had randomness enough, 0 when it had not yet.
 *
 * A read of /dev/urandom gathers randomness first (Linux 5.18), for seconds on a board without a
 * generator; only kernels that lack the flag, and do not gather, are asked that way. */
static int32_t fill(uint8_t *seed) {
  if (raw3(SYS_getrandom, seed, SEED_BYTES, NOT_BLOCKING) == SEED_BYTES)
    return 1;
  if (raw3(SYS_getrandom, seed, SEED_BYTES, INSECURE) == SEED_BYTES)
    return 0;
  int64_t count = capus_read_file("/dev/urandom", seed, SEED_BYTES);
  return count == SEED_BYTES ? 0 : count < 0 ? (int32_t)count : -EIO;
}

int32_t capus_seed_save(const char *path) {
  char next[PATH_MOST + 8];
  uint8_t seed[SEED_BYTES];
  struct raw_status status;
  size_t count = strlen(path);
  if (count >= PATH_MOST)
    return -ENAMETOOLONG;
  /* A device that was named by mistake stays what it is. */
  if (raw_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &status) == 0 && !S_ISREG(status.mode))
    return -EINVAL;
  memcpy(next, path, count);
  memcpy(next + count, ".new", 5);
  /* Its mode says whether the kernel had randomness enough to have it counted the next time. */
  int32_t filled = fill(seed);
  if (filled < 0)
    return filled;
  int mode = filled > 0 ? 0600 : 0400;
  raw3(SYS_unlinkat, AT_FDCWD, next, 0);
  int fd = (int)raw4(SYS_openat, AT_FDCWD, next,
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0)
    return fd;
  long error = raw3(SYS_write, fd, seed, sizeof seed);
  if (error >= 0)
    error = raw1(SYS_fsync, fd);
  raw1(SYS_close, fd);
  if (error == 0)
    error = raw4(SYS_renameat, AT_FDCWD, next, AT_FDCWD, path);
  return error < 0 ? (int32_t)error : settle(path);
}

int32_t capus_seed_load(const char *path) {
  struct {
    struct rand_pool_info head;
    uint8_t bytes[SEED_MOST];
  } pool;
  struct raw_status status;
  int fd = raw_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd == -ENOENT)
    return capus_seed_save(path);
  if (fd < 0 || strlen(path) >= PATH_MOST)
    return fd < 0 ? fd : -ENAMETOOLONG;
  int32_t error = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (error == 0 && !S_ISREG(status.mode))
    error = -EINVAL;
  int64_t count = error < 0 ? 0 : capus_read_all(fd, pool.bytes, sizeof pool.bytes);
  raw1(SYS_close, fd);
  if (error < 0)
    return error;
  /* It is gone for good before it counts, so that none counts twice. */
  int32_t gone = (int32_t)raw3(SYS_unlinkat, AT_FDCWD, path, 0);
  if (gone == 0)
    gone = settle(path);
  fd = raw_open("/dev/urandom", O_WRONLY);
  if (fd >= 0 && count > 0) {
    pool.head.entropy_count = 8 * SEED_BYTES;
    pool.head.buf_size = (int)count;
    if (gone < 0 || count < SEED_BYTES || status.mode != (S_IFREG | 0600) || status.uid != 0 ||
        raw3(SYS_ioctl, fd, RNDADDENTROPY, &pool) < 0)
      raw3(SYS_write, fd, pool.bytes, (size_t)count);
  }
  if (fd >= 0)
    raw1(SYS_close, fd);
  return gone < 0 ? gone : capus_seed_save(path);
}
