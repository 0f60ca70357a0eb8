/* The end of a program and the beginning of the next one, in the same process.
 *
 * The handler trusts nothing but the record and what is in this file, and makes raw system calls
 * only. A fault inside it comes back to it, one stage further: first without the log line, then
 * without the descriptors. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "include/closer.h"
#include "include/loop.h"
#include "layout.h"
#include "raw.h"

enum { MOST_WORDS = 16, STACK_BYTES = 64 * 1024 };

static const uint8_t faults[] = {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
static char stack[STACK_BYTES] __attribute__((aligned(16)));
static char resume_word[24] = "--resume=";
static char *words[MOST_WORDS + 2];
static int32_t owner;
static int32_t log_fd = -1;
static volatile int stage;

void capus_fault_log(int32_t fd) {
  log_fd = fd;
}

static char *text(char *to, const char *from) {
  while (*from)
    *to++ = *from++;
  return to;
}

static char *number(char *to, uintptr_t value, unsigned base) {
  char digits[24];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  while (count > 0)
    *to++ = digits[--count];
  return to;
}

static uintptr_t program_counter(const void *context) {
  const ucontext_t *machine = context;
#if defined(__x86_64__)
  return (uintptr_t)machine->uc_mcontext.gregs[16]; /* REG_RIP */
#elif defined(__aarch64__)
  return (uintptr_t)machine->uc_mcontext.pc;
#else
  return (uintptr_t)machine->uc_mcontext.arm_pc;
#endif
}

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* Where a tool for the unstripped program looks an address up: this one lies elsewhere at each
 * start. */
static uintptr_t in_program(uintptr_t address) {
  const uintptr_t start = (uintptr_t)__ehdr_start;
  return address >= start && address < (uintptr_t)_end ? address - start : address;
}

/* A line for one descriptor, unless it takes none now. */
static void say(int32_t fd, const char *line, const char *end) {
  struct pollfd room = {.fd = fd, .events = POLLOUT};
  long now[2] = {0, 0};
  if (raw5(SYS_ppoll, &room, 1, now, 0, 0) > 0 && room.revents & POLLOUT)
    raw3(SYS_write, fd, line, end - line);
}

static void report(int signal, const siginfo_t *information, const void *context) {
  char line[128];
  char *message = text(line, "<2>");
  char *end = text(message, "apus: fault, signal ");
  end = number(end, (uintptr_t)signal, 10);
  if (information->si_code > 0) {
    end = text(end, ", address 0x");
    end = number(end, (uintptr_t)information->si_addr, 16);
  } else {
    end = text(end, ", sent by ");
    end = number(end, (uintptr_t)information->si_pid, 10);
  }
  end = text(end, ", at 0x");
  end = number(end, in_program(program_counter(context)), 16);
  end = text(end, "\n");
  if (log_fd >= 0)
    say(log_fd, line, end);
  say(capus_errors(), message, end);
}

static void set_kept(int32_t fd, int32_t is_set) {
  raw3(NR_FCNTL, fd, F_SETFD, is_set);
}

void capus_keep_descriptors(int is_kept) {
  const int is_set = is_kept ? 0 : FD_CLOEXEC;
  set_kept(capus_kept_fd, is_set);
  for (uint32_t index = 0; index < slot_count(capus_kept); index++) {
    int32_t fd = slot_at(capus_kept, index)->fd;
    if (fd > 2)
      set_kept(fd, is_set);
  }
  if (capus_kept->watchdog_fd > 2)
    set_kept(capus_kept->watchdog_fd, is_set);
  capus_log_each(set_kept, is_set);
}

/* The number behind "--resume=". */
int capus_take_resume_word(const char *word) {
  int at = 0;
  while (at < 9 && word[at] == resume_word[at])
    at++;
  if (at < 9)
    return 0;
  capus_kept_fd = 0;
  for (; at < 15 && word[at] >= '0' && word[at] <= '9'; at++)
    capus_kept_fd = 10 * capus_kept_fd + word[at] - '0';
  return 1;
}

__attribute__((noinline)) static long execute(const char *path) {
  extern char **environ;
  *number(resume_word + 9, (uintptr_t)capus_kept_fd, 10) = 0;
  return raw3(SYS_execve, path, words, environ);
}

/* Nothing else has worked. PID 1 must not end: services go on, and the dead are reaped. */
static void stay(int signal) {
  while (owner == 1)
    if (raw4(SYS_wait4, -1, 0, 0, 0) < 0)
      raw5(SYS_ppoll, 0, 0, 0, 0, 0);
  raw1(SYS_exit_group, 128 + signal);
}

static void handle(int signal, siginfo_t *information, void *context) {
  /* A child on its way to execve(2) shares the handler, but not the record. */
  if (raw0(SYS_getpid) != owner)
    raw1(SYS_exit_group, 127);
  int reached = stage++;
  if (reached == 0)
    report(signal, information, context);
  if (reached <= 1) {
    capus_kept->signal = (uint32_t)signal;
    capus_keep_descriptors(1);
    capus_closer_leave();
  }
  if (reached <= 2) {
    execute("/proc/self/exe");
    execute(capus_kept->path);
  }
  stay(signal);
}

void capus_fault_arm(void) {
  int32_t count;
  char **given = capus_arguments(&count);
  int32_t to = 2;
  owner = capus_pid();
  words[0] = count > 0 ? given[0] : "apus";
  words[1] = resume_word;
  for (int32_t from = 1; from < count && to <= MOST_WORDS; from++)
    words[to++] = given[from];
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  /* The handler returns to nowhere, so what restores is never called. */
  const struct raw_action action = {.handler = (void (*)(int))(void *)handle,
                                    .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | RAW_SA_RESTORER,
                                    .restorer = (void (*)(void))(void *)handle};
  for (unsigned index = 0; index < sizeof faults; index++)
    raw_action(faults[index], &action, NULL);
}

#if __SIZEOF_POINTER__ == 8
typedef Elf64_Ehdr program_header;
typedef Elf64_Phdr segment_header;
enum { OWN_CLASS = ELFCLASS64 };
#else
typedef Elf32_Ehdr program_header;
typedef Elf32_Phdr segment_header;
enum { OWN_CLASS = ELFCLASS32 };
#endif

int32_t capus_seal_relocations(void) {
  const program_header *head = (const program_header *)(const void *)__ehdr_start;
  const segment_header *segment =
      (const segment_header *)(const void *)(__ehdr_start + head->e_phoff);
  const uintptr_t page = (uintptr_t)capus_page_size();
  for (unsigned index = 0; index < head->e_phnum; index++, segment++)
    if (segment->p_type == PT_GNU_RELRO) {
      const uintptr_t start = (uintptr_t)__ehdr_start + segment->p_vaddr;
      const uintptr_t first = start & -page, end = (start + segment->p_memsz) & -page;
      return end > first ? (int32_t)raw3(SYS_mprotect, first, end - first, PROT_READ) : 0;
    }
  return 0;
}

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#else
enum { OWN_MACHINE = EM_ARM };
#endif

/* A file that was copied only in part lacks the end of a segment. */
static int32_t check_file(int fd) {
  program_header head;
  segment_header segment;
  struct raw_status status;
  int32_t error = raw_stat(fd, "", AT_EMPTY_PATH, &status);
  if (error < 0)
    return error;
  if (!S_ISREG(status.mode) || read(fd, &head, sizeof head) != (ssize_t)sizeof head ||
      *(const uint32_t *)(const void *)head.e_ident != 0x464c457f ||
      head.e_ident[EI_CLASS] != OWN_CLASS || head.e_machine != OWN_MACHINE ||
      head.e_phentsize != sizeof segment || head.e_phnum == 0)
    return -ENOEXEC;
  for (unsigned index = 0; index < head.e_phnum; index++) {
    off_t at = (off_t)(head.e_phoff + index * sizeof segment);
    if (pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment ||
        segment.p_offset + segment.p_filesz > status.size)
      return -ENOEXEC;
  }
  return 0;
}

int32_t capus_check_program(void) {
  if (capus_kept == NULL)
    return -ENOMEM;
  int fd = open(capus_kept->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || access(capus_kept->path, X_OK) < 0) {
    int32_t error = -errno;
    if (fd >= 0)
      close(fd);
    return error;
  }
  int32_t result = check_file(fd);
  close(fd);
  return result;
}

int32_t capus_replace(int32_t applies) {
  if (capus_kept == NULL)
    return -ENOMEM;
  capus_keep_descriptors(1);
  capus_closer_leave();
  capus_kept->asked = capus_kept->stage + (uint32_t)applies;
  long error = execute(applies ? "/proc/self/exe" : capus_kept->path);
  capus_keep_descriptors(0);
  return (int32_t)error;
}

int32_t capus_return(void) {
  capus_keep_descriptors(1);
  long error = capus_check_program() < 0 ? -1 : execute(capus_kept->path);
  if (error < 0)
    error = execute("/proc/self/exe");
  capus_keep_descriptors(0);
  return (int32_t)error;
}

#ifdef APUS_CRASHES
void capus_abort(void) {
  abort();
}
void capus_touch(uintptr_t address) {
  *(volatile uint8_t *)address = 1;
}
#endif
