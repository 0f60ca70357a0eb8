/* A file system in memory that never answers some calls, as a dead network path or a flash that has
 * died does: whoever makes one of them waits for ever, in a sleep that not even SIGKILL ends.
 *
 *   probe fuse-hang DIR CALL…   mount it on DIR, say "mounted" on standard output, serve it
 *
 * CALL is one of lookup getattr setattr create mknod mkdir symlink unlink rename open read write
 * flush release fsync opendir readdir statfs; "name:NAME" has lookups of that name alone hang, and
 * so every call that names it by its path. Everything else is answered as by an empty tmpfs. With
 * "later" nothing hangs before SIGUSR2. SIGUSR1: whatever hangs is answered with EIO, and nothing
 * hangs any more. When this ends whatever hangs gets ECONNABORTED; the mount stays, dead
 * (ENOTCONN). Needs root, /dev/fuse and the right to mount. */
#include "fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NODES = 64, TEXT = 4096, HELD = 1024 };

static struct node {
  char name[256], text[TEXT];
  uint64_t parent, size;
  uint32_t mode, uid, gid;
  bool is_linked;
} nodes[NODES];
static const struct {
  const char *name;
  uint32_t opcode;
} calls[] = {
    {"lookup", FUSE_LOOKUP},   {"getattr", FUSE_GETATTR}, {"setattr", FUSE_SETATTR},
    {"create", FUSE_CREATE},   {"mknod", FUSE_MKNOD},     {"mkdir", FUSE_MKDIR},
    {"symlink", FUSE_SYMLINK}, {"unlink", FUSE_UNLINK},   {"rename", FUSE_RENAME2},
    {"open", FUSE_OPEN},       {"read", FUSE_READ},       {"write", FUSE_WRITE},
    {"flush", FUSE_FLUSH},     {"release", FUSE_RELEASE}, {"fsync", FUSE_FSYNC},
    {"opendir", FUSE_OPENDIR}, {"readdir", FUSE_READDIR}, {"statfs", FUSE_STATFS},
};
static uint64_t hanging_calls, held[HELD];
static const char *hanging_name;
static size_t held_count;
static int device;
static volatile sig_atomic_t is_released, is_hanging = 1;

static void release(int number) {
  if (number == SIGUSR1)
    is_released = 1;
  is_hanging = number == SIGUSR2;
}

static void answer(uint64_t unique, int error, const void *bytes, size_t count) {
  struct fuse_out_header head = {
      .len = (uint32_t)(sizeof head + count), .error = -error, .unique = unique};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)bytes, count}};
  /* The caller may have been interrupted meanwhile. */
  if (writev(device, parts, count ? 2 : 1) < 0 && errno != ENOENT)
    exit(9);
}

static struct fuse_attr attributes(uint64_t id) {
  const struct node *node = &nodes[id];
  return (struct fuse_attr){.ino = id,
                            .size = node->size,
                            .mode = node->mode,
                            .nlink = node->is_linked ? 1 : 0,
                            .uid = node->uid,
                            .gid = node->gid,
                            .blksize = TEXT};
}

static uint64_t find(uint64_t parent, const char *name) {
  for (uint64_t id = 2; id < NODES; id++)
    if (nodes[id].is_linked && nodes[id].parent == parent && !strcmp(nodes[id].name, name))
      return id;
  return 0;
}

static uint64_t make(const struct fuse_in_header *head, const char *name, uint32_t mode) {
  for (uint64_t id = 2; id < NODES; id++)
    if (nodes[id].mode == 0) {
      nodes[id] =
          (struct node){.parent = head->nodeid, .mode = mode, .uid = head->uid, .gid = head->gid};
      nodes[id].is_linked = true;
      snprintf(nodes[id].name, sizeof nodes[id].name, "%s", name);
      return id;
    }
  return 0;
}

static struct fuse_entry_out entry(uint64_t id) {
  /* Nothing is kept: each path comes back here. */
  return (struct fuse_entry_out){.nodeid = id, .generation = 1, .attr = attributes(id)};
}

static void answer_entry(uint64_t unique, uint64_t id, int error) {
  const struct fuse_entry_out out = entry(id);
  answer(unique, id ? 0 : error, &out, id ? sizeof out : 0);
}

static void change(struct node *node, const struct fuse_setattr_in *in) {
  if (in->valid & FATTR_MODE)
    node->mode = (node->mode & S_IFMT) | (in->mode & 07777);
  if (in->valid & FATTR_UID)
    node->uid = in->uid;
  if (in->valid & FATTR_GID)
    node->gid = in->gid;
  if (in->valid & FATTR_SIZE && in->size <= TEXT)
    node->size = in->size;
}

static bool hangs(const struct fuse_in_header *head, const char *body) {
  if (!is_hanging)
    return false;
  if (head->opcode == FUSE_LOOKUP && hanging_name && !strcmp(body, hanging_name))
    return true;
  const uint32_t opcode = head->opcode == FUSE_RENAME ? FUSE_RENAME2 : head->opcode;
  return opcode < 64 && hanging_calls >> opcode & 1;
}

static void serve(const struct fuse_in_header *head, const char *body) {
  struct node *node = &nodes[head->nodeid < NODES ? head->nodeid : 0];
  const uint64_t unique = head->unique;
  const struct fuse_attr_out status = {.attr = attributes(head->nodeid < NODES ? head->nodeid : 0)};
  const struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};
  switch (head->opcode) {
  case FUSE_INIT: {
    const struct fuse_init_in *in = (const void *)body;
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                .minor = FUSE_KERNEL_MINOR_VERSION,
                                .max_readahead = in->max_readahead,
                                .max_write = TEXT};
    return answer(unique, 0, &out, sizeof out);
  }
  case FUSE_LOOKUP:
    return answer_entry(unique, find(head->nodeid, body), ENOENT);
  case FUSE_GETATTR:
    return answer(unique, 0, &status, sizeof status);
  case FUSE_SETATTR: {
    change(node, (const void *)body);
    const struct fuse_attr_out out = {.attr = attributes(head->nodeid)};
    return answer(unique, 0, &out, sizeof out);
  }
  case FUSE_MKNOD: {
    const struct fuse_mknod_in *in = (const void *)body;
    return answer_entry(unique, make(head, body + sizeof *in, in->mode), ENOSPC);
  }
  case FUSE_MKDIR: {
    const struct fuse_mkdir_in *in = (const void *)body;
    return answer_entry(unique, make(head, body + sizeof *in, in->mode | S_IFDIR), ENOSPC);
  }
  case FUSE_SYMLINK: {
    const uint64_t id = make(head, body, S_IFLNK | 0777);
    nodes[id].size = (uint64_t)snprintf(nodes[id].text, TEXT, "%s", body + strlen(body) + 1);
    return answer_entry(unique, id, ENOSPC);
  }
  case FUSE_CREATE: {
    const struct fuse_create_in *in = (const void *)body;
    const uint64_t id = make(head, body + sizeof *in, in->mode);
    struct {
      struct fuse_entry_out entry;
      struct fuse_open_out opened;
    } out = {entry(id), opened};
    return answer(unique, id ? 0 : ENOSPC, &out, id ? sizeof out : 0);
  }
  case FUSE_UNLINK:
  case FUSE_RMDIR: {
    const uint64_t id = find(head->nodeid, body);
    nodes[id].is_linked = false;
    return answer(unique, id ? 0 : ENOENT, NULL, 0);
  }
  case FUSE_RENAME:
  case FUSE_RENAME2: {
    const bool is_old = head->opcode == FUSE_RENAME;
    const char *old =
        body + (is_old ? sizeof(struct fuse_rename_in) : sizeof(struct fuse_rename2_in));
    const char *new = old + strlen(old) + 1;
    const uint64_t parent = ((const struct fuse_rename_in *)body)->newdir,
                   id = find(head->nodeid, old);
    nodes[find(parent, new)].is_linked = false;
    nodes[id].parent = parent;
    snprintf(nodes[id].name, sizeof nodes[id].name, "%s", new);
    return answer(unique, id ? 0 : ENOENT, NULL, 0);
  }
  case FUSE_READLINK:
    return answer(unique, 0, node->text, node->size);
  case FUSE_OPEN:
  case FUSE_OPENDIR:
    return answer(unique, 0, &opened, sizeof opened);
  case FUSE_READ: {
    const struct fuse_read_in *in = (const void *)body;
    const uint64_t left = in->offset < node->size ? node->size - in->offset : 0;
    return answer(unique, 0, node->text + (left ? in->offset : 0),
                  left < in->size ? left : in->size);
  }
  case FUSE_WRITE: {
    const struct fuse_write_in *in = (const void *)body;
    const bool fits = in->offset + in->size <= TEXT;
    const struct fuse_write_out out = {.size = in->size};
    if (fits)
      memcpy(node->text + in->offset, body + sizeof *in, in->size);
    if (fits && in->offset + in->size > node->size)
      node->size = in->offset + in->size;
    return answer(unique, fits ? 0 : ENOSPC, &out, fits ? sizeof out : 0);
  }
  case FUSE_STATFS: {
    const struct fuse_statfs_out out = {.st = {.bsize = TEXT, .namelen = 255, .frsize = TEXT}};
    return answer(unique, 0, &out, sizeof out);
  }
  case FUSE_READDIR:
  case FUSE_FLUSH:
  case FUSE_RELEASE:
  case FUSE_RELEASEDIR:
  case FUSE_FSYNC:
  case FUSE_FSYNCDIR:
  case FUSE_DESTROY:
    return answer(unique, 0, NULL, 0);
  case FUSE_FORGET:
  case FUSE_BATCH_FORGET:
  case FUSE_INTERRUPT:
    return;
  default:
    return answer(unique, ENOSYS, NULL, 0);
  }
}

int fuse_hang(const char *directory, char **words) {
  static _Alignas(8) char request[TEXT + 8192];
  const struct sigaction action = {.sa_handler = release};
  char options[128];
  for (; *words; words++) {
    if (!strncmp(*words, "name:", 5))
      hanging_name = *words + 5;
    if (!strcmp(*words, "later"))
      is_hanging = 0;
    for (size_t index = 0; index < sizeof calls / sizeof *calls; index++)
      if (!strcmp(*words, calls[index].name))
        hanging_calls |= UINT64_C(1) << calls[index].opcode;
  }
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  nodes[FUSE_ROOT_ID] = (struct node){.mode = S_IFDIR | 0755, .is_linked = true};
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(options, sizeof options,
           "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", device);
  if (device < 0 || mount("probe", directory, "fuse", 0, options) < 0) {
    perror("fuse-hang");
    return 9;
  }
  puts("mounted");
  fflush(stdout);
  for (;;) {
    const ssize_t count = read(device, request, sizeof request - 1);
    const int error = count < 0 ? errno : 0;
    const struct fuse_in_header *head = (const void *)request;
    while (is_released && held_count > 0)
      answer(held[--held_count], EIO, NULL, 0);
    is_released = 0;
    if (error == EINTR || error == ENOENT || error == EAGAIN)
      continue;
    if (count < (ssize_t)sizeof *head)
      return 0;
    request[count] = 0;
    if (!hangs(head, request + sizeof *head))
      serve(head, request + sizeof *head);
    else if (held_count < HELD)
      held[held_count++] = head->unique;
  }
}
