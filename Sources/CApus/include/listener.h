/* Sockets, FIFOs and special files of listeners. Every function returns -errno when it fails. */
#ifndef CAPUS_LISTENER_H
#define CAPUS_LISTENER_H
#include <stddef.h>
#include <stdint.h>

/* Forms of an address. */
enum capus_form {
  CAPUS_PATH,
  CAPUS_ABSTRACT,
  CAPUS_INET4,
  CAPUS_INET6,
  CAPUS_EVERY, /* a port of every address: IPv6 that takes IPv4 too, else IPv4 */
  CAPUS_VSOCK,
  CAPUS_NETLINK,
};

/* The steps of binding, with the numbers of BindStep. */
enum capus_bind_step {
  CAPUS_RESOLVE,
  CAPUS_MAKE_DIRECTORY,
  CAPUS_SOCKET,
  CAPUS_OPTIONS,
  CAPUS_BIND,
  CAPUS_LISTEN,
  CAPUS_OWNER = 7,
  CAPUS_LINK,
  CAPUS_PROBE,
};

/* A listener as the manifest declares it. Keys have the numbers of SocketKey and its kin. */
struct capus_listener {
  uint64_t present; /* bits of the keys that were given */
  uint64_t flags;   /* bits of the keys that are true */
  uint64_t high;    /* IPv6 address */
  uint64_t low;     /* IPv6 and IPv4 address, vsock cid, netlink groups; host byte order */
  uint32_t port;    /* also of vsock; a netlink family */
  int32_t user;     /* of the node, -1 leaves it */
  int32_t group;
  int32_t backlog;
  uint16_t mode;
  uint16_t directory_mode;
  uint8_t kind;          /* with the numbers of ListenerKind */
  uint8_t form;          /* enum capus_form */
  uint8_t nonblocking;   /* apus itself accepts */
  uint8_t links;         /* enum walk_links; the shim's */
  uint16_t index;        /* tells it from the others */
  int32_t inotify;       /* tells of changes of the node's directory, -1 for nobody */
  const char *text;      /* path, abstract name or name of the scope's interface */
  const char *pool;      /* where texts of values begin */
  const int64_t *values; /* a key in the upper, a number or place of a text in the lower half */
  size_t value_count;
};

/* What became of a listener's node. */
struct capus_node {
  int32_t link_error; /* why the first of `symlinks` that could not be made was not, or 0 */
  uint32_t culprit;   /* bytes of the path up to the component that failed, or that others may put
                         something else in the place of; 0 without one */
  uint32_t identity;  /* of the node, see changes.h */
  int32_t watch;      /* of its directory */
  int32_t channel;    /* becomes readable when what has timed out has come to its end; or 0 */
  uint8_t step;       /* enum capus_bind_step */
  uint8_t is_shared;  /* others than root may change the path or the directory */
  uint8_t is_far;     /* a link is on a file system that may never answer */
};

/* Makes it: bound, listening, with its options, mode and owner, close-on-exec, and the links to it.
   What stands at its path and is stale gives way, anything else is refused. `node->step` is the one
   that failed; nothing half made remains. Of these functions none waits for a file system that may
   never answer: a process of its own does, which gets a moment. -ETIMEDOUT where that is not
   enough; it goes on, and the same call tells later what has become of it. */
int32_t capus_bind_listener(struct capus_listener *listener, struct capus_node *node);
/* Makes the links to it anew, but for those that are right. */
void capus_make_links(struct capus_listener *listener, struct capus_node *node);
/* Closes it and, with removeOnStop, removes its node and links unless somebody else is there. */
void capus_unbind_listener(struct capus_listener *listener, int32_t fd);
/* True when others than root, or who apus runs as, may have an absolute path lead elsewhere, or may
   write to its directory; `*culprit` as in struct capus_node. Makes nothing. */
int32_t capus_is_shared(const char *path, uint32_t *culprit);
/* Sets the options of a socket before it is bound; see options.c. */
int32_t capus_set_options(const struct capus_listener *listener, int32_t fd, unsigned domain);
/* The value of a key, 0 without one. */
uint32_t capus_listener_value(const struct capus_listener *listener, unsigned key);

/* What waits at a listener. */
struct capus_queue {
  /* Connections, or bytes. */
  uint32_t count;
  /* Whether something that waited at an earlier look waits no more. */
  int32_t is_gone;
  /* Names one that waits: the first where the kernel tells the order; 0 where it tells nothing. */
  uint64_t first;
};

/* Looks what waits at a listener, and whether all that waited at an earlier look
 * (NULL, or of zeros, for none) still does. Takes nothing from it and waits for nothing. */
void capus_queue_look(int32_t fd, const struct capus_queue *before, struct capus_queue *queue);

/* What to wait for at a special file: /proc and /sys files change, others become readable. */
uint32_t capus_special_events(const char *path);
/* Drops what waits in a listener's queue, at most so many connections or messages: 4,096 are as
 * much as a queue holds, unless net.core.somaxconn was raised. How many they were. */
int32_t capus_drain(int32_t fd, int32_t most);
/* True when it was shut down and will never be readable again. */
int32_t capus_is_hung_up(int32_t fd);
/* Connections that wait to be accepted, or -errno where the kernel does not tell. */
int64_t capus_queue_length(int32_t fd);
/* Becomes readable when a network interface or address comes or goes (rtnetlink(7)). */
int32_t capus_network_watch(void);

/* Keys that more than the manifest's decoder knows. */
enum capus_key {
  CAPUS_KEY_SYMLINKS = 11,
  CAPUS_KEY_REMOVE_ON_STOP = 12,
  CAPUS_KEY_IPV6_ONLY = 14,
  CAPUS_KEY_DEVICE = 15,
  CAPUS_KEY_FREE_BIND = 16,
  CAPUS_KEY_TRANSPARENT = 17,
  CAPUS_KEY_REUSE_PORT = 18,
  CAPUS_KEY_NO_DELAY = 19,
  CAPUS_KEY_KEEP_ALIVE = 20,
  CAPUS_KEY_DEFER_ACCEPT = 21,
  CAPUS_KEY_FAST_OPEN = 22,
  CAPUS_KEY_SEND_BUFFER = 23,
  CAPUS_KEY_RECEIVE_BUFFER = 24,
  CAPUS_KEY_PRIORITY = 25,
  CAPUS_KEY_MARK = 26,
  CAPUS_KEY_TOS = 27,
  CAPUS_KEY_TTL = 28,
  CAPUS_KEY_CONGESTION = 29,
  CAPUS_KEY_BROADCAST = 30,
  CAPUS_KEY_PASS_CREDENTIALS = 31,
  CAPUS_KEY_PASS_PIDFD = 32,
  CAPUS_KEY_PACKET_INFO = 33,
  CAPUS_KEY_TIMESTAMPS = 34,
  CAPUS_KEY_PIPE_SIZE = 35,
  CAPUS_KEY_PROTOCOL = 36,
  /* Members of keepAlive, and timestamps in nanoseconds. */
  CAPUS_KEY_WRITABLE = 38,
  CAPUS_KEY_KEEP_ALIVE_TIME = 40,
  CAPUS_KEY_KEEP_ALIVE_INTERVAL = 41,
  CAPUS_KEY_KEEP_ALIVE_PROBES = 42,
  CAPUS_KEY_NANOSECONDS = 43,
};
#endif
