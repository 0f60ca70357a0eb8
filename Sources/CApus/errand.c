#include "errand.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "apart.h"
#include "include/closer.h"
#include "include/loop.h"

enum {
  RUNNERS = 64,
  PATIENCE_MS = 20, /* for all of them together about twice that */
  GIVE_UP_US = 5000000,
};

/* One that runs an errand: in use while it has a pid or a channel, which is closed once it has
 * answered or ended. */
static struct runner {
  int32_t pid, channel;
  uint16_t index;
  uint8_t kind;
  int64_t since;
} runners[RUNNERS];

/* What it answers, in memory that is shared with it. */
static struct answer {
  int32_t result;
  struct capus_node node;
  struct capus_name name;
} * answers;

struct order {
  struct errand *errand;
  struct answer *answer;
};

static int32_t do_it(const struct errand *errand, unsigned links) {
  if (errand->kind == ERRAND_LOOK)
    return capus_look_at(errand->name, errand->inotify, errand->target, links);
  errand->listener->links = (uint8_t)links;
  if (errand->kind == ERRAND_BIND)
    return capus_bind_any(errand->listener, errand->node);
  if (errand->kind == ERRAND_LINK)
    capus_set_links(errand->listener, true, errand->node);
  else
    capus_remove_node(errand->listener, errand->node);
  return errand->node->is_far ? -EXDEV : 0;
}

union rights {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(sizeof(int))];
};

/* In the process that runs it. */
static void run(void *argument) {
  const struct order *order = argument;
  struct errand *errand = order->errand;
  union rights rights = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                  .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS}};
  char byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  errand->inotify = -1;
  errand->node = &order->answer->node;
  if (errand->listener)
    errand->listener->inotify = -1;
  else
    errand->name = memcpy(&order->answer->name, errand->name, sizeof *errand->name);
  order->answer->result = do_it(errand, WALK_TRUSTED_LINKS);
  if (errand->kind == ERRAND_BIND && order->answer->result >= 0) {
    memcpy(CMSG_DATA(&rights.head), &order->answer->result, sizeof(int));
    message.msg_control = &rights;
    message.msg_controllen = sizeof rights;
  }
  raw3(SYS_sendmsg, APART_CHANNEL, &message, MSG_NOSIGNAL);
}

/* Its answer, -ETIMEDOUT before there is one, or -EPIPE when it has ended without. */
static int32_t hear(struct runner *runner, int milliseconds) {
  struct pollfd ready = {.fd = runner->channel, .events = POLLIN};
  union rights rights;
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
  if (poll(&ready, 1, milliseconds) <= 0)
    return -ETIMEDOUT;
  int32_t result = -EPIPE;
  if (raw3(SYS_recvmsg, runner->channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) > 0) {
    result = answers[runner - runners].result;
    if (message.msg_controllen >= CMSG_LEN(sizeof(int)))
      memcpy(&result, CMSG_DATA(&rights.head), sizeof result);
    else if (runner->kind == ERRAND_BIND && result >= 0)
      result = -EMFILE;
  }
  raw1(SYS_close, runner->channel);
  runner->channel = 0;
  return result;
}

static int32_t start(struct runner *runner, struct errand *errand) {
  if (!answers) {
    const long memory = raw6(NR_MMAP, 0, sizeof(struct answer) * RUNNERS, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if ((unsigned long)memory > -4096UL)
      return (int32_t)memory;
    answers = (struct answer *)memory;
  }
  if (!runner)
    return -EAGAIN;
  struct order order = {errand, &answers[runner - runners]};
  *order.answer = (struct answer){0};
  const int32_t channel = capus_apart("apus-path", run, &order, &runner->pid);
  if (channel < 0)
    return channel;
  runner->channel = channel;
  runner->index = errand->index;
  runner->kind = errand->kind;
  runner->since = capus_now();
  return 0;
}

static int32_t send_out(struct errand *errand) {
  struct runner *runner = NULL, *unused = NULL;
  int patience = PATIENCE_MS;
  /* Also those that another program has left. */
  while (capus_apart_look(0, WNOHANG) > 0) {
  }
  for (struct runner *each = runners; each < runners + RUNNERS; each++) {
    if (each->pid > 0 && capus_apart_look(each->pid, WNOHANG) != 0)
      each->pid = 0;
    if (each->channel > 0 && each->index == errand->index)
      runner = each;
    else if (each->pid > 0 || each->channel > 0)
      patience /= 2;
    else
      unused = each;
  }
  int32_t result = 0;
  if (runner) {
    result = hear(runner, 0);
    if (result == -ETIMEDOUT && capus_now() - runner->since > GIVE_UP_US)
      raw2(SYS_kill, runner->pid, SIGKILL);
    if (result != -ETIMEDOUT && (result == -EPIPE || runner->kind != errand->kind)) {
      if (runner->kind == ERRAND_BIND && result >= 0)
        capus_put_away(result);
      runner = NULL;
    }
  }
  if (!runner) {
    runner = unused;
    result = start(runner, errand);
    if (result < 0)
      return result;
    result = hear(runner, patience);
  }
  /* So that clients see apus at the other end (SO_PEERCRED). */
  if (errand->kind == ERRAND_BIND && result >= 0)
    raw2(SYS_listen, result, errand->listener->backlog);
  const struct answer *answer = &answers[runner - runners];
  if (errand->name && result >= 0)
    *errand->name = answer->name;
  if (errand->node && result == -ETIMEDOUT) {
    errand->node->step = answer->node.step;
    errand->node->channel = runner->channel;
  } else if (errand->node) {
    *errand->node = answer->node;
  }
  return result;
}

int32_t capus_errand(struct errand *errand) {
  const int32_t result = do_it(errand, WALK_LOCAL);
  return result == -EXDEV ? send_out(errand) : result;
}

void capus_errand_leave(void) {
  for (struct runner *each = runners; each < runners + RUNNERS; each++)
    if (each->pid > 0 && capus_apart_look(each->pid, WNOHANG) == 0)
      raw2(SYS_kill, each->pid, SIGKILL);
}
