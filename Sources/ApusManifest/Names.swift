public import ApusBase

/// Names the kernel gives to numbers, the same on x86 and ARM.
enum KernelNames {
  /// Signals from number 1 on (signal(7)).
  static var signals: WordList {
    WordList(
      """
      SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 \
      SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG \
      SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS
      """)
  }

  /// Capabilities from number 0 on (capabilities(7), Linux 5.9 and later).
  static var capabilities: WordList {
    WordList(
      """
      chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable \
      net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio \
      sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time \
      sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog \
      wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore
      """)
  }

  /// Resource limits from number 0 on (getrlimit(2)).
  static var limits: WordList {
    WordList(
      """
      cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio \
      rttime
      """)
  }

  /// SECBIT_* bits from bit 0 on (capabilities(7)).
  static var secureBits: WordList {
    WordList(
      """
      noroot noroot-locked no-setuid-fixup no-setuid-fixup-locked keep-caps keep-caps-locked \
      no-cap-ambient-raise no-cap-ambient-raise-locked
      """)
  }

  /// The number of a signal: a name with its prefix, or `SIGRTMIN+n`, `SIGRTMAX-n`.
  ///
  /// SIGRTMIN is 34 and SIGRTMAX 64, as for glibc and systemd; musl's own SIGRTMIN is 35.
  static func signal(_ name: Bytes) -> UInt8? {
    if let index = signals.number(of: name) { return UInt8(index + 1) }
    guard let base = WordList("SIGRTMIN SIGRTMAX").number(of: name.part(0, 8)) else { return nil }
    if name.count == 8 { return base == 0 ? 34 : 64 }
    guard name[8] == (base == 0 ? UInt8(ascii: "+") : UInt8(ascii: "-")),
      let offset = Scalar.number(name.part(9), most: 30)
    else { return nil }
    return base == 0 ? 34 + UInt8(offset) : 64 - UInt8(offset)
  }

  /// A capability's number, with or without `cap_`; one newer than the list is its number.
  static func capability(_ name: Bytes) -> Int? {
    let hasPrefix = WordList("cap_").number(of: name.part(0, 4)) != nil
    return capabilities.number(of: name.part(hasPrefix ? 4 : 0))
      ?? Scalar.number(name, most: 63).map { Int($0) }
  }
}

extension Manifest {
  /// The number of a capability, by its name or in decimal; nil for one that nobody knows.
  public static func capability(named name: Bytes) -> Int? { KernelNames.capability(name) }

  /// Writes a capability without `cap_`, one newer than the list as its number; allocates nothing.
  public static func write(capability number: Int, into writer: inout ByteWriter) {
    KernelNames.capabilities.write(number, into: &writer)
  }

  /// Writes the name of a resource limit by its number (getrlimit(2)); allocates nothing.
  public static func write(limit number: Int, into writer: inout ByteWriter) {
    KernelNames.limits.write(number, into: &writer)
  }
}
