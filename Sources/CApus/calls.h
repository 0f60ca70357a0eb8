/* Every system call of the architectures that apus runs on, by group; filter.c expands the list.
 * The names that one of them lacks come first (there they stand for nothing, and allow nothing),
 * then those that are newer than the headers, which have one number everywhere. */
#ifndef __NR__llseek
#define __NR__llseek ABSENT
#endif
#ifndef __NR__newselect
#define __NR__newselect ABSENT
#endif
#ifndef __NR__sysctl
#define __NR__sysctl ABSENT
#endif
#ifndef __NR_access
#define __NR_access ABSENT
#endif
#ifndef __NR_afs_syscall
#define __NR_afs_syscall ABSENT
#endif
#ifndef __NR_alarm
#define __NR_alarm ABSENT
#endif
#ifndef __NR_arch_prctl
#define __NR_arch_prctl ABSENT
#endif
#ifndef __NR_arm_fadvise64_64
#define __NR_arm_fadvise64_64 ABSENT
#endif
#ifndef __NR_bdflush
#define __NR_bdflush ABSENT
#endif
#ifndef __NR_chmod
#define __NR_chmod ABSENT
#endif
#ifndef __NR_chown
#define __NR_chown ABSENT
#endif
#ifndef __NR_chown32
#define __NR_chown32 ABSENT
#endif
#ifndef __NR_clock_adjtime64
#define __NR_clock_adjtime64 ABSENT
#endif
#ifndef __NR_clock_getres_time64
#define __NR_clock_getres_time64 ABSENT
#endif
#ifndef __NR_clock_gettime64
#define __NR_clock_gettime64 ABSENT
#endif
#ifndef __NR_clock_nanosleep_time64
#define __NR_clock_nanosleep_time64 ABSENT
#endif
#ifndef __NR_clock_settime64
#define __NR_clock_settime64 ABSENT
#endif
#ifndef __NR_creat
#define __NR_creat ABSENT
#endif
#ifndef __NR_create_module
#define __NR_create_module ABSENT
#endif
#ifndef __NR_dup2
#define __NR_dup2 ABSENT
#endif
#ifndef __NR_epoll_create
#define __NR_epoll_create ABSENT
#endif
#ifndef __NR_epoll_ctl_old
#define __NR_epoll_ctl_old ABSENT
#endif
#ifndef __NR_epoll_wait
#define __NR_epoll_wait ABSENT
#endif
#ifndef __NR_epoll_wait_old
#define __NR_epoll_wait_old ABSENT
#endif
#ifndef __NR_eventfd
#define __NR_eventfd ABSENT
#endif
#ifndef __NR_fadvise64
#define __NR_fadvise64 ABSENT
#endif
#ifndef __NR_fchown32
#define __NR_fchown32 ABSENT
#endif
#ifndef __NR_fcntl64
#define __NR_fcntl64 ABSENT
#endif
#ifndef __NR_fork
#define __NR_fork ABSENT
#endif
#ifndef __NR_fstat64
#define __NR_fstat64 ABSENT
#endif
#ifndef __NR_fstatat64
#define __NR_fstatat64 ABSENT
#endif
#ifndef __NR_fstatfs64
#define __NR_fstatfs64 ABSENT
#endif
#ifndef __NR_ftruncate64
#define __NR_ftruncate64 ABSENT
#endif
#ifndef __NR_futex_time64
#define __NR_futex_time64 ABSENT
#endif
#ifndef __NR_futimesat
#define __NR_futimesat ABSENT
#endif
#ifndef __NR_get_kernel_syms
#define __NR_get_kernel_syms ABSENT
#endif
#ifndef __NR_get_thread_area
#define __NR_get_thread_area ABSENT
#endif
#ifndef __NR_getdents
#define __NR_getdents ABSENT
#endif
#ifndef __NR_getegid32
#define __NR_getegid32 ABSENT
#endif
#ifndef __NR_geteuid32
#define __NR_geteuid32 ABSENT
#endif
#ifndef __NR_getgid32
#define __NR_getgid32 ABSENT
#endif
#ifndef __NR_getgroups32
#define __NR_getgroups32 ABSENT
#endif
#ifndef __NR_getpgrp
#define __NR_getpgrp ABSENT
#endif
#ifndef __NR_getpmsg
#define __NR_getpmsg ABSENT
#endif
#ifndef __NR_getresgid32
#define __NR_getresgid32 ABSENT
#endif
#ifndef __NR_getresuid32
#define __NR_getresuid32 ABSENT
#endif
#ifndef __NR_getrlimit
#define __NR_getrlimit ABSENT
#endif
#ifndef __NR_getuid32
#define __NR_getuid32 ABSENT
#endif
#ifndef __NR_inotify_init
#define __NR_inotify_init ABSENT
#endif
#ifndef __NR_io_pgetevents_time64
#define __NR_io_pgetevents_time64 ABSENT
#endif
#ifndef __NR_ioperm
#define __NR_ioperm ABSENT
#endif
#ifndef __NR_iopl
#define __NR_iopl ABSENT
#endif
#ifndef __NR_lchown
#define __NR_lchown ABSENT
#endif
#ifndef __NR_lchown32
#define __NR_lchown32 ABSENT
#endif
#ifndef __NR_link
#define __NR_link ABSENT
#endif
#ifndef __NR_lstat
#define __NR_lstat ABSENT
#endif
#ifndef __NR_lstat64
#define __NR_lstat64 ABSENT
#endif
#ifndef __NR_memfd_secret
#define __NR_memfd_secret ABSENT
#endif
#ifndef __NR_mkdir
#define __NR_mkdir ABSENT
#endif
#ifndef __NR_mknod
#define __NR_mknod ABSENT
#endif
#ifndef __NR_mmap
#define __NR_mmap ABSENT
#endif
#ifndef __NR_mmap2
#define __NR_mmap2 ABSENT
#endif
#ifndef __NR_modify_ldt
#define __NR_modify_ldt ABSENT
#endif
#ifndef __NR_mq_timedreceive_time64
#define __NR_mq_timedreceive_time64 ABSENT
#endif
#ifndef __NR_mq_timedsend_time64
#define __NR_mq_timedsend_time64 ABSENT
#endif
#ifndef __NR_newfstatat
#define __NR_newfstatat ABSENT
#endif
#ifndef __NR_nice
#define __NR_nice ABSENT
#endif
#ifndef __NR_open
#define __NR_open ABSENT
#endif
#ifndef __NR_pause
#define __NR_pause ABSENT
#endif
#ifndef __NR_pciconfig_iobase
#define __NR_pciconfig_iobase ABSENT
#endif
#ifndef __NR_pciconfig_read
#define __NR_pciconfig_read ABSENT
#endif
#ifndef __NR_pciconfig_write
#define __NR_pciconfig_write ABSENT
#endif
#ifndef __NR_pipe
#define __NR_pipe ABSENT
#endif
#ifndef __NR_poll
#define __NR_poll ABSENT
#endif
#ifndef __NR_ppoll_time64
#define __NR_ppoll_time64 ABSENT
#endif
#ifndef __NR_pselect6_time64
#define __NR_pselect6_time64 ABSENT
#endif
#ifndef __NR_putpmsg
#define __NR_putpmsg ABSENT
#endif
#ifndef __NR_query_module
#define __NR_query_module ABSENT
#endif
#ifndef __NR_readlink
#define __NR_readlink ABSENT
#endif
#ifndef __NR_recv
#define __NR_recv ABSENT
#endif
#ifndef __NR_recvmmsg_time64
#define __NR_recvmmsg_time64 ABSENT
#endif
#ifndef __NR_rename
#define __NR_rename ABSENT
#endif
#ifndef __NR_rmdir
#define __NR_rmdir ABSENT
#endif
#ifndef __NR_rt_sigtimedwait_time64
#define __NR_rt_sigtimedwait_time64 ABSENT
#endif
#ifndef __NR_sched_rr_get_interval_time64
#define __NR_sched_rr_get_interval_time64 ABSENT
#endif
#ifndef __NR_security
#define __NR_security ABSENT
#endif
#ifndef __NR_select
#define __NR_select ABSENT
#endif
#ifndef __NR_semtimedop_time64
#define __NR_semtimedop_time64 ABSENT
#endif
#ifndef __NR_send
#define __NR_send ABSENT
#endif
#ifndef __NR_sendfile64
#define __NR_sendfile64 ABSENT
#endif
#ifndef __NR_set_thread_area
#define __NR_set_thread_area ABSENT
#endif
#ifndef __NR_setfsgid32
#define __NR_setfsgid32 ABSENT
#endif
#ifndef __NR_setfsuid32
#define __NR_setfsuid32 ABSENT
#endif
#ifndef __NR_setgid32
#define __NR_setgid32 ABSENT
#endif
#ifndef __NR_setgroups32
#define __NR_setgroups32 ABSENT
#endif
#ifndef __NR_setregid32
#define __NR_setregid32 ABSENT
#endif
#ifndef __NR_setresgid32
#define __NR_setresgid32 ABSENT
#endif
#ifndef __NR_setresuid32
#define __NR_setresuid32 ABSENT
#endif
#ifndef __NR_setreuid32
#define __NR_setreuid32 ABSENT
#endif
#ifndef __NR_setuid32
#define __NR_setuid32 ABSENT
#endif
#ifndef __NR_sigaction
#define __NR_sigaction ABSENT
#endif
#ifndef __NR_signalfd
#define __NR_signalfd ABSENT
#endif
#ifndef __NR_sigpending
#define __NR_sigpending ABSENT
#endif
#ifndef __NR_sigprocmask
#define __NR_sigprocmask ABSENT
#endif
#ifndef __NR_sigreturn
#define __NR_sigreturn ABSENT
#endif
#ifndef __NR_sigsuspend
#define __NR_sigsuspend ABSENT
#endif
#ifndef __NR_stat
#define __NR_stat ABSENT
#endif
#ifndef __NR_stat64
#define __NR_stat64 ABSENT
#endif
#ifndef __NR_statfs64
#define __NR_statfs64 ABSENT
#endif
#ifndef __NR_symlink
#define __NR_symlink ABSENT
#endif
#ifndef __NR_sync_file_range
#define __NR_sync_file_range ABSENT
#endif
#ifndef __NR_sync_file_range2
#define __NR_sync_file_range2 ABSENT
#endif
#ifndef __NR_sysfs
#define __NR_sysfs ABSENT
#endif
#ifndef __NR_time
#define __NR_time ABSENT
#endif
#ifndef __NR_timer_gettime64
#define __NR_timer_gettime64 ABSENT
#endif
#ifndef __NR_timer_settime64
#define __NR_timer_settime64 ABSENT
#endif
#ifndef __NR_timerfd_gettime64
#define __NR_timerfd_gettime64 ABSENT
#endif
#ifndef __NR_timerfd_settime64
#define __NR_timerfd_settime64 ABSENT
#endif
#ifndef __NR_truncate64
#define __NR_truncate64 ABSENT
#endif
#ifndef __NR_tuxcall
#define __NR_tuxcall ABSENT
#endif
#ifndef __NR_ugetrlimit
#define __NR_ugetrlimit ABSENT
#endif
#ifndef __NR_unlink
#define __NR_unlink ABSENT
#endif
#ifndef __NR_uselib
#define __NR_uselib ABSENT
#endif
#ifndef __NR_ustat
#define __NR_ustat ABSENT
#endif
#ifndef __NR_utime
#define __NR_utime ABSENT
#endif
#ifndef __NR_utimensat_time64
#define __NR_utimensat_time64 ABSENT
#endif
#ifndef __NR_utimes
#define __NR_utimes ABSENT
#endif
#ifndef __NR_vfork
#define __NR_vfork ABSENT
#endif
#ifndef __NR_vserver
#define __NR_vserver ABSENT
#endif
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_map_shadow_stack
#define __NR_map_shadow_stack 453
#endif
#ifndef __NR_futex_wake
#define __NR_futex_wake 454
#endif
#ifndef __NR_futex_wait
#define __NR_futex_wait 455
#endif
#ifndef __NR_futex_requeue
#define __NR_futex_requeue 456
#endif
#ifndef __NR_statmount
#define __NR_statmount 457
#endif
#ifndef __NR_listmount
#define __NR_listmount 458
#endif
#ifndef __NR_lsm_get_self_attr
#define __NR_lsm_get_self_attr 459
#endif
#ifndef __NR_lsm_set_self_attr
#define __NR_lsm_set_self_attr 460
#endif
#ifndef __NR_lsm_list_modules
#define __NR_lsm_list_modules 461
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#endif
#ifndef __NR_getxattrat
#define __NR_getxattrat 464
#endif
#ifndef __NR_listxattrat
#define __NR_listxattrat 465
#endif
#ifndef __NR_removexattrat
#define __NR_removexattrat 466
#endif
#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr 467
#endif
#ifndef __NR_file_getattr
#define __NR_file_getattr 468
#endif
#ifndef __NR_file_setattr
#define __NR_file_setattr 469
#endif

/* clang-format off */
#define COMMON_CALLS(CALL) \
  CALL(DEFAULT, brk) CALL(DEFAULT, clock_getres) CALL(DEFAULT, clock_gettime) \
  CALL(DEFAULT, clock_nanosleep) CALL(DEFAULT, execve) CALL(DEFAULT, exit) \
  CALL(DEFAULT, exit_group) CALL(DEFAULT, futex) CALL(DEFAULT, futex_requeue) \
  CALL(DEFAULT, futex_wait) CALL(DEFAULT, futex_waitv) CALL(DEFAULT, futex_wake) \
  CALL(DEFAULT, get_robust_list) CALL(DEFAULT, getegid) CALL(DEFAULT, geteuid) \
  CALL(DEFAULT, getgid) CALL(DEFAULT, getgroups) CALL(DEFAULT, getpgid) CALL(DEFAULT, getpid) \
  CALL(DEFAULT, getppid) CALL(DEFAULT, getrandom) CALL(DEFAULT, getresgid) \
  CALL(DEFAULT, getresuid) CALL(DEFAULT, getsid) CALL(DEFAULT, gettid) \
  CALL(DEFAULT, gettimeofday) CALL(DEFAULT, getuid) CALL(DEFAULT, map_shadow_stack) \
  CALL(DEFAULT, membarrier) CALL(DEFAULT, mprotect) CALL(DEFAULT, mseal) CALL(DEFAULT, munmap) \
  CALL(DEFAULT, nanosleep) CALL(DEFAULT, prlimit64) CALL(DEFAULT, restart_syscall) \
  CALL(DEFAULT, rseq) CALL(DEFAULT, rt_sigprocmask) CALL(DEFAULT, rt_sigreturn) \
  CALL(DEFAULT, sched_getaffinity) CALL(DEFAULT, sched_yield) CALL(DEFAULT, set_robust_list) \
  CALL(DEFAULT, set_tid_address) \
  CALL(BASIC_IO, close) CALL(BASIC_IO, close_range) CALL(BASIC_IO, dup) CALL(BASIC_IO, dup3) \
  CALL(BASIC_IO, lseek) CALL(BASIC_IO, pread64) CALL(BASIC_IO, preadv) CALL(BASIC_IO, preadv2) \
  CALL(BASIC_IO, pwrite64) CALL(BASIC_IO, pwritev) CALL(BASIC_IO, pwritev2) CALL(BASIC_IO, read) \
  CALL(BASIC_IO, readv) CALL(BASIC_IO, write) CALL(BASIC_IO, writev) \
  CALL(FILE_SYSTEM, cachestat) CALL(FILE_SYSTEM, chdir) CALL(FILE_SYSTEM, copy_file_range) \
  CALL(FILE_SYSTEM, faccessat) CALL(FILE_SYSTEM, faccessat2) CALL(FILE_SYSTEM, fallocate) \
  CALL(FILE_SYSTEM, fchdir) CALL(FILE_SYSTEM, fchmod) CALL(FILE_SYSTEM, fchmodat) \
  CALL(FILE_SYSTEM, fchmodat2) CALL(FILE_SYSTEM, fcntl) CALL(FILE_SYSTEM, fgetxattr) \
  CALL(FILE_SYSTEM, file_getattr) CALL(FILE_SYSTEM, file_setattr) CALL(FILE_SYSTEM, flistxattr) \
  CALL(FILE_SYSTEM, flock) CALL(FILE_SYSTEM, fremovexattr) CALL(FILE_SYSTEM, fsetxattr) \
  CALL(FILE_SYSTEM, fstat) CALL(FILE_SYSTEM, fstatfs) CALL(FILE_SYSTEM, ftruncate) \
  CALL(FILE_SYSTEM, getcwd) CALL(FILE_SYSTEM, getdents64) CALL(FILE_SYSTEM, getxattr) \
  CALL(FILE_SYSTEM, getxattrat) CALL(FILE_SYSTEM, inotify_add_watch) \
  CALL(FILE_SYSTEM, inotify_init1) CALL(FILE_SYSTEM, inotify_rm_watch) \
  CALL(FILE_SYSTEM, lgetxattr) CALL(FILE_SYSTEM, linkat) CALL(FILE_SYSTEM, listmount) \
  CALL(FILE_SYSTEM, listxattr) CALL(FILE_SYSTEM, listxattrat) CALL(FILE_SYSTEM, llistxattr) \
  CALL(FILE_SYSTEM, lremovexattr) CALL(FILE_SYSTEM, lsetxattr) CALL(FILE_SYSTEM, mkdirat) \
  CALL(FILE_SYSTEM, mknodat) CALL(FILE_SYSTEM, openat) CALL(FILE_SYSTEM, openat2) \
  CALL(FILE_SYSTEM, readahead) CALL(FILE_SYSTEM, readlinkat) CALL(FILE_SYSTEM, removexattr) \
  CALL(FILE_SYSTEM, removexattrat) CALL(FILE_SYSTEM, renameat) CALL(FILE_SYSTEM, renameat2) \
  CALL(FILE_SYSTEM, sendfile) CALL(FILE_SYSTEM, setxattr) CALL(FILE_SYSTEM, setxattrat) \
  CALL(FILE_SYSTEM, splice) CALL(FILE_SYSTEM, statfs) CALL(FILE_SYSTEM, statmount) \
  CALL(FILE_SYSTEM, statx) CALL(FILE_SYSTEM, symlinkat) CALL(FILE_SYSTEM, tee) \
  CALL(FILE_SYSTEM, truncate) CALL(FILE_SYSTEM, umask) CALL(FILE_SYSTEM, unlinkat) \
  CALL(FILE_SYSTEM, utimensat) CALL(FILE_SYSTEM, vmsplice) \
  CALL(IO_EVENT, epoll_create1) CALL(IO_EVENT, epoll_ctl) CALL(IO_EVENT, epoll_pwait) \
  CALL(IO_EVENT, epoll_pwait2) CALL(IO_EVENT, eventfd2) CALL(IO_EVENT, ppoll) \
  CALL(IO_EVENT, pselect6) \
  CALL(IPC, memfd_create) CALL(IPC, mq_getsetattr) CALL(IPC, mq_notify) CALL(IPC, mq_open) \
  CALL(IPC, mq_timedreceive) CALL(IPC, mq_timedsend) CALL(IPC, mq_unlink) CALL(IPC, msgctl) \
  CALL(IPC, msgget) CALL(IPC, msgrcv) CALL(IPC, msgsnd) CALL(IPC, pipe2) \
  CALL(IPC, process_madvise) CALL(IPC, semctl) CALL(IPC, semget) CALL(IPC, semop) \
  CALL(IPC, semtimedop) CALL(IPC, shmat) CALL(IPC, shmctl) CALL(IPC, shmdt) CALL(IPC, shmget) \
  CALL(NETWORK_IO, accept) CALL(NETWORK_IO, accept4) CALL(NETWORK_IO, bind) \
  CALL(NETWORK_IO, connect) CALL(NETWORK_IO, getpeername) CALL(NETWORK_IO, getsockname) \
  CALL(NETWORK_IO, getsockopt) CALL(NETWORK_IO, listen) CALL(NETWORK_IO, recvfrom) \
  CALL(NETWORK_IO, recvmmsg) CALL(NETWORK_IO, recvmsg) CALL(NETWORK_IO, sendmmsg) \
  CALL(NETWORK_IO, sendmsg) CALL(NETWORK_IO, sendto) CALL(NETWORK_IO, setsockopt) \
  CALL(NETWORK_IO, shutdown) CALL(NETWORK_IO, socket) CALL(NETWORK_IO, socketpair) \
  CALL(PROCESS, capget) CALL(PROCESS, capset) CALL(PROCESS, clone) CALL(PROCESS, clone3) \
  CALL(PROCESS, execveat) CALL(PROCESS, get_mempolicy) CALL(PROCESS, getcpu) \
  CALL(PROCESS, getpriority) CALL(PROCESS, getrusage) CALL(PROCESS, ioctl) \
  CALL(PROCESS, ioprio_get) CALL(PROCESS, kill) CALL(PROCESS, madvise) CALL(PROCESS, mincore) \
  CALL(PROCESS, mremap) CALL(PROCESS, msync) CALL(PROCESS, personality) CALL(PROCESS, pidfd_open) \
  CALL(PROCESS, pidfd_send_signal) CALL(PROCESS, prctl) CALL(PROCESS, process_mrelease) \
  CALL(PROCESS, remap_file_pages) CALL(PROCESS, rt_sigqueueinfo) CALL(PROCESS, rt_tgsigqueueinfo) \
  CALL(PROCESS, sched_get_priority_max) CALL(PROCESS, sched_get_priority_min) \
  CALL(PROCESS, sched_getattr) CALL(PROCESS, sched_getparam) CALL(PROCESS, sched_getscheduler) \
  CALL(PROCESS, sched_rr_get_interval) CALL(PROCESS, setpgid) CALL(PROCESS, setsid) \
  CALL(PROCESS, sysinfo) CALL(PROCESS, tgkill) CALL(PROCESS, times) CALL(PROCESS, tkill) \
  CALL(PROCESS, uname) CALL(PROCESS, wait4) CALL(PROCESS, waitid) \
  CALL(SIGNAL, rt_sigaction) CALL(SIGNAL, rt_sigpending) CALL(SIGNAL, rt_sigsuspend) \
  CALL(SIGNAL, rt_sigtimedwait) CALL(SIGNAL, sigaltstack) CALL(SIGNAL, signalfd4) \
  CALL(TIMER, getitimer) CALL(TIMER, setitimer) CALL(TIMER, timer_create) \
  CALL(TIMER, timer_delete) CALL(TIMER, timer_getoverrun) CALL(TIMER, timer_gettime) \
  CALL(TIMER, timer_settime) CALL(TIMER, timerfd_create) CALL(TIMER, timerfd_gettime) \
  CALL(TIMER, timerfd_settime) \
  CALL(SYNC, fdatasync) CALL(SYNC, fsync) CALL(SYNC, sync) CALL(SYNC, syncfs) \
  CALL(AIO, io_cancel) CALL(AIO, io_destroy) CALL(AIO, io_getevents) CALL(AIO, io_pgetevents) \
  CALL(AIO, io_setup) CALL(AIO, io_submit) \
  CALL(IO_URING, io_uring_enter) CALL(IO_URING, io_uring_register) CALL(IO_URING, io_uring_setup) \
  CALL(CHOWN, fchown) CALL(CHOWN, fchownat) \
  CALL(SETUID, setfsgid) CALL(SETUID, setfsuid) CALL(SETUID, setgid) CALL(SETUID, setgroups) \
  CALL(SETUID, setregid) CALL(SETUID, setresgid) CALL(SETUID, setresuid) CALL(SETUID, setreuid) \
  CALL(SETUID, setuid) \
  CALL(RESOURCES, ioprio_set) CALL(RESOURCES, mbind) CALL(RESOURCES, migrate_pages) \
  CALL(RESOURCES, move_pages) CALL(RESOURCES, sched_setaffinity) CALL(RESOURCES, sched_setattr) \
  CALL(RESOURCES, sched_setparam) CALL(RESOURCES, sched_setscheduler) \
  CALL(RESOURCES, set_mempolicy) CALL(RESOURCES, set_mempolicy_home_node) \
  CALL(RESOURCES, setpriority) CALL(RESOURCES, setrlimit) \
  CALL(MEMLOCK, mlock) CALL(MEMLOCK, mlock2) CALL(MEMLOCK, mlockall) CALL(MEMLOCK, munlock) \
  CALL(MEMLOCK, munlockall) \
  CALL(KEYRING, add_key) CALL(KEYRING, keyctl) CALL(KEYRING, request_key) \
  CALL(PKEY, pkey_alloc) CALL(PKEY, pkey_free) CALL(PKEY, pkey_mprotect) \
  CALL(SANDBOX, landlock_add_rule) CALL(SANDBOX, landlock_create_ruleset) \
  CALL(SANDBOX, landlock_restrict_self) CALL(SANDBOX, seccomp) \
  CALL(NAMESPACE, setns) CALL(NAMESPACE, unshare) \
  CALL(CLOCK, adjtimex) CALL(CLOCK, clock_adjtime) CALL(CLOCK, clock_settime) \
  CALL(CLOCK, settimeofday) \
  CALL(DEBUGGING, kcmp) CALL(DEBUGGING, lookup_dcookie) CALL(DEBUGGING, perf_event_open) \
  CALL(DEBUGGING, pidfd_getfd) CALL(DEBUGGING, process_vm_readv) CALL(DEBUGGING, process_vm_writev) \
  CALL(DEBUGGING, ptrace) CALL(DEBUGGING, userfaultfd) \
  CALL(MODULE, delete_module) CALL(MODULE, finit_module) CALL(MODULE, init_module) \
  CALL(MOUNT, chroot) CALL(MOUNT, fsconfig) CALL(MOUNT, fsmount) CALL(MOUNT, fsopen) \
  CALL(MOUNT, fspick) CALL(MOUNT, mount) CALL(MOUNT, mount_setattr) CALL(MOUNT, move_mount) \
  CALL(MOUNT, open_tree) CALL(MOUNT, open_tree_attr) CALL(MOUNT, pivot_root) CALL(MOUNT, umount2) \
  CALL(REBOOT, kexec_file_load) CALL(REBOOT, kexec_load) CALL(REBOOT, reboot) \
  CALL(SWAP, swapoff) CALL(SWAP, swapon) \
  CALL(PRIVILEGED, acct) CALL(PRIVILEGED, bpf) CALL(PRIVILEGED, fanotify_init) \
  CALL(PRIVILEGED, fanotify_mark) CALL(PRIVILEGED, name_to_handle_at) \
  CALL(PRIVILEGED, open_by_handle_at) CALL(PRIVILEGED, quotactl) CALL(PRIVILEGED, quotactl_fd) \
  CALL(PRIVILEGED, setdomainname) CALL(PRIVILEGED, sethostname) CALL(PRIVILEGED, syslog) \
  CALL(PRIVILEGED, vhangup) \
  CALL(OBSOLETE, lsm_get_self_attr) CALL(OBSOLETE, lsm_list_modules) \
  CALL(OBSOLETE, lsm_set_self_attr) CALL(OBSOLETE, nfsservctl)

#define PARTIAL_CALLS(CALL) \
  CALL(DEFAULT, arch_prctl) CALL(DEFAULT, clock_getres_time64) CALL(DEFAULT, clock_gettime64) \
  CALL(DEFAULT, clock_nanosleep_time64) CALL(DEFAULT, futex_time64) \
  CALL(DEFAULT, get_thread_area) CALL(DEFAULT, getegid32) CALL(DEFAULT, geteuid32) \
  CALL(DEFAULT, getgid32) CALL(DEFAULT, getgroups32) CALL(DEFAULT, getpgrp) \
  CALL(DEFAULT, getresgid32) CALL(DEFAULT, getresuid32) CALL(DEFAULT, getrlimit) \
  CALL(DEFAULT, getuid32) CALL(DEFAULT, mmap) CALL(DEFAULT, mmap2) CALL(DEFAULT, pause) \
  CALL(DEFAULT, set_thread_area) CALL(DEFAULT, sigreturn) CALL(DEFAULT, time) \
  CALL(DEFAULT, ugetrlimit) \
  CALL(BASIC_IO, _llseek) CALL(BASIC_IO, dup2) \
  CALL(FILE_SYSTEM, access) CALL(FILE_SYSTEM, arm_fadvise64_64) CALL(FILE_SYSTEM, chmod) \
  CALL(FILE_SYSTEM, creat) CALL(FILE_SYSTEM, fadvise64) CALL(FILE_SYSTEM, fcntl64) \
  CALL(FILE_SYSTEM, fstat64) CALL(FILE_SYSTEM, fstatat64) CALL(FILE_SYSTEM, fstatfs64) \
  CALL(FILE_SYSTEM, ftruncate64) CALL(FILE_SYSTEM, futimesat) CALL(FILE_SYSTEM, getdents) \
  CALL(FILE_SYSTEM, inotify_init) CALL(FILE_SYSTEM, link) CALL(FILE_SYSTEM, lstat) \
  CALL(FILE_SYSTEM, lstat64) CALL(FILE_SYSTEM, mkdir) CALL(FILE_SYSTEM, mknod) \
  CALL(FILE_SYSTEM, newfstatat) CALL(FILE_SYSTEM, open) CALL(FILE_SYSTEM, readlink) \
  CALL(FILE_SYSTEM, rename) CALL(FILE_SYSTEM, rmdir) CALL(FILE_SYSTEM, sendfile64) \
  CALL(FILE_SYSTEM, stat) CALL(FILE_SYSTEM, stat64) CALL(FILE_SYSTEM, statfs64) \
  CALL(FILE_SYSTEM, symlink) CALL(FILE_SYSTEM, truncate64) CALL(FILE_SYSTEM, unlink) \
  CALL(FILE_SYSTEM, utime) CALL(FILE_SYSTEM, utimensat_time64) CALL(FILE_SYSTEM, utimes) \
  CALL(IO_EVENT, _newselect) CALL(IO_EVENT, epoll_create) CALL(IO_EVENT, epoll_ctl_old) \
  CALL(IO_EVENT, epoll_wait) CALL(IO_EVENT, epoll_wait_old) CALL(IO_EVENT, eventfd) \
  CALL(IO_EVENT, poll) CALL(IO_EVENT, ppoll_time64) CALL(IO_EVENT, pselect6_time64) \
  CALL(IO_EVENT, select) \
  CALL(IPC, mq_timedreceive_time64) CALL(IPC, mq_timedsend_time64) CALL(IPC, pipe) \
  CALL(IPC, semtimedop_time64) \
  CALL(NETWORK_IO, recv) CALL(NETWORK_IO, recvmmsg_time64) CALL(NETWORK_IO, send) \
  CALL(PROCESS, fork) CALL(PROCESS, sched_rr_get_interval_time64) CALL(PROCESS, vfork) \
  CALL(SIGNAL, rt_sigtimedwait_time64) CALL(SIGNAL, sigaction) CALL(SIGNAL, signalfd) \
  CALL(SIGNAL, sigpending) CALL(SIGNAL, sigprocmask) CALL(SIGNAL, sigsuspend) \
  CALL(TIMER, alarm) CALL(TIMER, timer_gettime64) CALL(TIMER, timer_settime64) \
  CALL(TIMER, timerfd_gettime64) CALL(TIMER, timerfd_settime64) \
  CALL(SYNC, sync_file_range) CALL(SYNC, sync_file_range2) \
  CALL(AIO, io_pgetevents_time64) \
  CALL(CHOWN, chown) CALL(CHOWN, chown32) CALL(CHOWN, fchown32) CALL(CHOWN, lchown) \
  CALL(CHOWN, lchown32) \
  CALL(SETUID, setfsgid32) CALL(SETUID, setfsuid32) CALL(SETUID, setgid32) \
  CALL(SETUID, setgroups32) CALL(SETUID, setregid32) CALL(SETUID, setresgid32) \
  CALL(SETUID, setresuid32) CALL(SETUID, setreuid32) CALL(SETUID, setuid32) \
  CALL(RESOURCES, nice) \
  CALL(MEMLOCK, memfd_secret) \
  CALL(CLOCK, clock_adjtime64) CALL(CLOCK, clock_settime64) \
  CALL(CPU_EMULATION, modify_ldt) \
  CALL(RAW_IO, ioperm) CALL(RAW_IO, iopl) CALL(RAW_IO, pciconfig_iobase) \
  CALL(RAW_IO, pciconfig_read) CALL(RAW_IO, pciconfig_write) \
  CALL(OBSOLETE, _sysctl) CALL(OBSOLETE, afs_syscall) CALL(OBSOLETE, bdflush) \
  CALL(OBSOLETE, create_module) CALL(OBSOLETE, get_kernel_syms) CALL(OBSOLETE, getpmsg) \
  CALL(OBSOLETE, putpmsg) CALL(OBSOLETE, query_module) CALL(OBSOLETE, security) \
  CALL(OBSOLETE, sysfs) CALL(OBSOLETE, tuxcall) CALL(OBSOLETE, uselib) CALL(OBSOLETE, ustat) \
  CALL(OBSOLETE, vserver)

/* clang-format on */
