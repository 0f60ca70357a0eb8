/* System calls without a C library: no errno, no thread-local storage, no cancellation point. The
 * child between clone3(2) and execve(2) shares all memory with its parent and may use nothing
 * else. */
#ifndef CAPUS_RAW_H
#define CAPUS_RAW_H

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long raw_short(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

static inline long raw6(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long raw_short(long number, long a, long b, long c) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

static inline long raw6(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}
#elif defined(__arm__)
/* Out of line (clone.c): Thumb code keeps r7, where the kernel looks for the number, to itself. */
long raw6(long number, long a, long b, long c, long d, long e, long f);
#define raw_short(n, a, b, c) raw6(n, a, b, c, 0, 0, 0)
#else
#error "apus runs on x86_64, aarch64 and arm"
#endif

#define raw0(n) raw_short(n, 0, 0, 0)
#define raw1(n, a) raw_short(n, (long)(a), 0, 0)
#define raw2(n, a, b) raw_short(n, (long)(a), (long)(b), 0)
#define raw3(n, a, b, c) raw_short(n, (long)(a), (long)(b), (long)(c))
#define raw4(n, a, b, c, d) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define raw5(n, a, b, c, d, e) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

/* The calls that speak of 32-bit ids have another number on arm; the plain ones take 16 bits. */
#if defined(__arm__)
#define NR_SETGROUPS SYS_setgroups32
#define NR_GETGROUPS SYS_getgroups32
#define NR_SETRESUID SYS_setresuid32
#define NR_GETRESUID SYS_getresuid32
#define NR_SETRESGID SYS_setresgid32
#define NR_GETRESGID SYS_getresgid32
#define NR_FCHOWN SYS_fchown32
#define NR_FCNTL SYS_fcntl64
#define NR_GETEUID SYS_geteuid32
/* With 64-bit times (Linux 5.1). */
#define NR_CLOCK_GETTIME 403
#define NR_MMAP SYS_mmap2
#define NR_SIGTIMEDWAIT 421
#else
#define NR_SETGROUPS SYS_setgroups
#define NR_GETGROUPS SYS_getgroups
#define NR_SETRESUID SYS_setresuid
#define NR_GETRESUID SYS_getresuid
#define NR_SETRESGID SYS_setresgid
#define NR_GETRESGID SYS_getresgid
#define NR_FCHOWN SYS_fchown
#define NR_FCNTL SYS_fcntl
#define NR_GETEUID SYS_geteuid
#define NR_CLOCK_GETTIME SYS_clock_gettime
#define NR_MMAP SYS_mmap
#define NR_SIGTIMEDWAIT SYS_rt_sigtimedwait
#endif

/* Writes a text and a NUL, and returns where that is. */
char *raw_text(char *to, const char *from);
/* Writes a number in decimal and a NUL, and returns where that is. */
char *raw_decimal(char *to, uint64_t value);
/* Reads a number in decimal, with its sign, and goes behind it; 0 where there is none. */
int64_t raw_number(const char **text);
/* Behind `key` when the text begins with it, else NULL. */
const char *raw_behind(const char *text, const char *key);

/* Newer than some C libraries' headers; the same number on every architecture. */
#define NR_PIDFD_SEND_SIGNAL 424
#define NR_PIDFD_OPEN 434
#define NR_CLONE3 435
#define NR_CLOSE_RANGE 436

/* open(2); the C library's can be cancelled and takes more arguments. */
static inline int raw_open(const char *path, int flags) {
  return (int)raw4(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC | O_LARGEFILE, 0);
}

/* strstr(3) for short texts: that of the C library takes 1.4 KB. */
const char *raw_find(const char *text, const char *part);

/* Fresh memory, NULL when there is none. */
static inline void *raw_map(size_t size, int flags) {
  long start = raw6(NR_MMAP, 0, (long)size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return (unsigned long)start > -4096UL ? NULL : (void *)start;
}

/* What statx(2) tells, the same on every architecture. */
struct raw_status {
  uint32_t ignored1[4];
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint16_t mode;
  uint16_t ignored2;
  uint64_t inode;
  uint64_t size;
  uint64_t ignored3[6];
  uint64_t changed; /* ctime: seconds, then nanoseconds */
  uint32_t changed_part;
  uint32_t ignored5[5];
  uint32_t special[2]; /* the numbers of a device that the node stands for */
  uint32_t device[2];
  uint64_t ignored4[14];
};

/* Writes what stands at a path; an empty one with AT_EMPTY_PATH is the descriptor itself. */
__attribute__((no_stack_protector)) int raw_stat(int directory, const char *path, int flags,
                                                 struct raw_status *status);
/* The same without asking a network or another process, as far as the kernel can tell. */
__attribute__((no_stack_protector)) int raw_stat_now(int directory, const char *path, int flags,
                                                     struct raw_status *status);

/* Signals as the kernel takes them: bit 0 is number 1. Every one but those of a fault (ILL, TRAP,
 * ABRT, BUS, FPE, SEGV, SYS), which blocked would end the process without its handler, and but
 * those the C library keeps to itself (32 to 34). */
#define MASKABLE_SIGNALS (~(UINT64_C(0x400004f8) | UINT64_C(7) << 31))

static inline int raw_set_mask(uint64_t mask) {
  return (int)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

/* struct sigaction as the kernel has it. Without SA_RESTORER x86_64 delivers to no handler. */
#define RAW_SA_RESTORER 0x04000000
struct raw_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint32_t mask[2];
};

static inline int raw_action(int number, const struct raw_action *new, struct raw_action *old) {
  return (int)raw4(SYS_rt_sigaction, number, new, old, sizeof new->mask);
}

#endif
