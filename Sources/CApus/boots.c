/* The file that counts boots which ended before they were good: a number and the end of a line. */
#include <errno.h>
#include <sys/stat.h>

#include "board.h"
#include "place.h"
#include "raw.h"

static int32_t read_count(const struct walk *walk) {
  char text[8];
  const char *at = text;
  struct raw_status status;
  const int fd = (int)capus_open_node(walk, O_RDONLY | O_NONBLOCK, 0, &status);
  if (fd < 0)
    return fd;
  if (!S_ISREG(status.mode)) {
    raw1(SYS_close, fd);
    return -EEXIST;
  }
  const long size = raw3(SYS_read, fd, text, sizeof text - 1);
  raw1(SYS_close, fd);
  if (size < 0)
    return (int32_t)size;
  text[size] = 0;
  const int64_t count = raw_number(&at);
  /* What is no number, as after a torn write of somebody else's, counts as none. */
  return *at == '\n' && count >= 0 ? (int32_t)count : 0;
}

static int32_t write_count(const struct walk *walk, uint32_t count) {
  char text[12];
  char *end = raw_text(raw_decimal(text, count), "\n");
  return (int32_t)capus_write_anew(walk, text, (size_t)(end - text), 0644);
}

int32_t capus_boots(const char *path, enum capus_attempt what) {
  struct walk walk;
  int32_t result =
      (int32_t)capus_walk(&walk, path, WALK_LAST_LINK, what == CAPUS_READ_BOOTS ? -1 : 0755);
  if (result < 0)
    return result;
  result = read_count(&walk);
  const int32_t count = what == CAPUS_COUNT_BOOT ? (result < 0 ? 0 : result) + 1 : 0;
  if (what != CAPUS_READ_BOOTS && (result >= 0 || result == -ENOENT))
    result = result == count ? 0 : write_count(&walk, (uint32_t)count);
  raw1(SYS_close, walk.directory);
  return result;
}
