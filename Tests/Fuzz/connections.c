/* What the kernel says of connections: /proc/net/tcp and unix as text, sock_diag(7) as messages. */
#include "fake.h"

#include "../../Sources/CApus/idle.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static const char path[] = "/run/web.sock";
  if (count < 2)
    return 0;
  const int family = bytes[0] % 3;
  struct address *own = calloc(1, sizeof *own);
  own->any.sa_family = (sa_family_t)(family == 0 ? AF_INET : family == 1 ? AF_INET6 : AF_UNIX);
  own->size = sizeof own->inet;
  own->inet.sin_port = htons(8080);
  if (family == 2) {
    memcpy(own->local.sun_path, path, sizeof path);
    own->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof path);
  }
  fake_begin(bytes + 1, count - 1);
  if (bytes[0] & 128)
    read_answer(FAKE_FD, own);
  else
    read_table(own);
  free(own);
  return 0;
}
