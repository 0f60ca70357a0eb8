#include "notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "closer.h"
#include "raw.h"

enum { FDS_AT_MOST = 253, BACKLOG_AT_MOST = 256 };

/* What came with the last datagram and has not been taken. */
static int32_t parcel[FDS_AT_MOST];
static size_t parcel_count;

int32_t capus_notify_take(void) {
  return parcel_count > 0 ? parcel[--parcel_count] : -1;
}

void capus_notify_drop(void) {
  while (parcel_count > 0)
    capus_put_away(parcel[--parcel_count]);
}

const uint8_t *capus_notify_value(const uint8_t *bytes, size_t count, const char *name,
                                  size_t *length) {
  const uint8_t *value = NULL;
  for (size_t start = 0, end; start < count; start = end + 1) {
    size_t same = 0;
    for (end = start; end < count && bytes[end] != '\n'; end++) {
    }
    while (name[same] != 0 && start + same < end && bytes[start + same] == (uint8_t)name[same])
      same++;
    if (name[same] == 0) {
      value = bytes + start + same;
      *length = end - start - same;
    }
  }
  return value;
}

void capus_notify_status(const uint8_t *bytes, size_t count, uint8_t *status, size_t limit) {
  size_t length;
  const uint8_t *text = capus_notify_value(bytes, count, "STATUS=", &length);
  if (text == NULL)
    return;
  *status = (uint8_t)(length < limit ? length : limit);
  memcpy(status + 1, text, *status);
}

int32_t capus_notify_folder(const char *path) {
  struct raw_status status;
  int result = (int)raw3(SYS_mkdirat, AT_FDCWD, path, 0755);
  if (result < 0 && result != -EEXIST)
    return result;
  int fd = raw_open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0)
    return fd == -ENOTDIR || fd == -ELOOP ? -EPERM : fd;
  result = raw_stat(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, &status);
  if (result == 0 && (status.uid != (uint32_t)raw0(NR_GETEUID) || status.mode & 022))
    result = -EPERM;
  if (result == 0)
    return fd;
  raw1(SYS_close, fd);
  return result;
}

int32_t capus_notify_bind(int32_t folder, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(name);
  int one = 1;
  if (length >= sizeof address.sun_path)
    return -ENAMETOOLONG;
  memcpy(address.sun_path, name, length);
  int fd = (int)raw3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return fd;
  int before = raw_open(".", O_PATH | O_DIRECTORY);
  long result = before < 0 ? before : raw1(SYS_fchdir, folder);
  if (result == 0) {
    raw3(SYS_unlinkat, folder, name, 0);
    /* For everybody: who is believed is seen by the sender. */
    long mask = raw1(SYS_umask, 0111);
    result = raw3(SYS_bind, fd, &address, sizeof address);
    raw1(SYS_umask, mask);
    raw1(SYS_fchdir, before);
  }
  if (before >= 0)
    raw1(SYS_close, before);
  if (result == 0)
    result = raw5(SYS_setsockopt, fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
  if (result == 0)
    return fd;
  raw1(SYS_close, fd);
  return (int32_t)result;
}

/* Keeps what came along and finds the sender. */
static void take_control(struct msghdr *message, struct ucred *sender) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
       part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET)
      continue;
    if (part->cmsg_type == SCM_CREDENTIALS)
      memcpy(sender, CMSG_DATA(part), sizeof *sender);
    if (part->cmsg_type == SCM_RIGHTS) {
      size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t index = 0; index < count; index++) {
        int fd;
        memcpy(&fd, CMSG_DATA(part) + index * sizeof fd, sizeof fd);
        if (parcel_count < FDS_AT_MOST)
          parcel[parcel_count++] = fd;
        else
          capus_put_away(fd);
      }
    }
  }
}

int64_t capus_notify_receive(int32_t fd, uint8_t *bytes, size_t capacity,
                             const struct capus_tree *tree, uint32_t uid) {
  _Alignas(struct cmsghdr) char
      control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(FDS_AT_MOST * sizeof(int))];
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct ucred sender = {.pid = 0, .uid = (uid_t)-1};
  /* What does not fit into the table of descriptors would be closed at once. */
  if (capus_closer_backlog() > BACKLOG_AT_MOST)
    return -EAGAIN;
  long count = raw3(SYS_recvmsg, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0)
    return count;
  take_control(&message, &sender);
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    capus_notify_drop();
    return -EBADMSG;
  }
  const long found = raw1(SYS_getsid, sender.pid);
  /* Of one that is gone already only the user is known. */
  if (sender.pid > 0 && tree->main > 0 &&
      ((found == -ESRCH && sender.uid == uid) || capus_kin(sender.pid, tree) == 1))
    return count;
  capus_notify_drop();
  return -EACCES;
}
