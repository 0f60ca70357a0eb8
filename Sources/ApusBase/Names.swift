/// The names of errno numbers 1 and up, as x86 and ARM share them (asm-generic/errno.h); a number
/// without a name is a dash. One literal instead of a table of pointers keeps it small.
private var errnoNames: Literal {
  """
  EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES \
  EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY \
  ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK \
  ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH \
  ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME \
  ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG \
  EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ \
  ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT \
  EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE \
  EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN \
  ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY \
  EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM \
  EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD \
  ENOTRECOVERABLE ERFKILL EHWPOISON
  """
}

/// The names of signals 1 to 31, as x86 and ARM share them (signal(7)).
private var signalNames: Literal {
  """
  SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 \
  SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG \
  SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS
  """
}

extension ByteWriter {
  /// Appends an error as messages spell it: `EADDRINUSE (98)`.
  public mutating func errno(_ error: Errno) {
    if !name(error.code, of: errnoNames) { text("errno") }
    text(" (")
    decimal(Int64(error.code))
    text(")")
  }

  /// Appends a signal as messages spell it: `SIGKILL`, `SIGRTMIN+3`.
  ///
  /// SIGRTMIN is 34, as for glibc and systemd, whatever the C library in use keeps for itself.
  public mutating func signal(_ number: UInt8) {
    if name(Int32(number), of: signalNames) { return }
    if (34...64).contains(number) {
      text("SIGRTMIN+")
      decimal(UInt64(number - 34))
    } else {
      text("signal ")
      decimal(UInt64(number))
    }
  }

  /// Appends the word of that number, counted from 1; false when there is none.
  private mutating func name(_ wanted: Int32, of words: Literal) -> Bool {
    var number: Int32 = 1
    var isNamed = false
    var next = unsafe words.start
    while number <= wanted, unsafe next.pointee != 0 {
      let letter = unsafe next.pointee
      unsafe next += 1
      if letter == UInt8(ascii: " ") {
        number += 1
      } else if number == wanted, letter != UInt8(ascii: "-") {
        byte(letter)
        isNamed = true
      }
    }
    return isNamed
  }
}
