public import ApusBase

/// What Ctrl-Alt-Del or a power failure does.
public enum CtrlAltDelAction: Equatable, Sendable {
  case reboot
  case poweroff
  case ignore
  /// Starts the service of that index.
  case service(UInt16)
}

/// A file system to mount at boot.
public struct Mount: Equatable, Sendable {
  public var source = Text.none
  /// An absolute path.
  public var target = Text.none
  public var type = Text.none
  /// Options as mount(8) takes them, separated by commas.
  public var options = Text.none
  /// True: a failure is reported as an error of the boot.
  public var required = false

  /// Nothing.
  public init() {}
}

/// Something in the file system that is made at boot where it is missing.
public struct Creation: Equatable, Sendable {
  /// What it is.
  public enum Kind: UInt8, Sendable {
    case directory
    case file
    case link
    case fifo
    case device
    case blockDevice
  }
  /// What it is.
  public var kind = Kind.directory
  /// An absolute path.
  public var path = Text.none
  /// A file's content, or where a link leads.
  public var text = Text.none
  /// Permission bits; -1 is 0755 for a directory, else 0644, and leaves what is there as it is.
  public var mode: Int32 = -1
  /// The owner; none is root, and leaves what is there as it is.
  public var user = Principal.none
  /// The group, likewise.
  public var group = Principal.none
  /// The numbers of a device.
  public var major: UInt32 = 0
  public var minor: UInt32 = 0
  /// True when it is made before the `mounts`, false after them.
  public var isFirst = false

  /// Nothing.
  public init() {}
}

/// What only PID 1 does.
public struct System: Sendable {
  /// Which keys were given (`SystemKey.bit`).
  public var present: UInt64 = 0
  /// What the value of each key looks like, by its number; 0 for one that was not given.
  public var digests = InlineArray<64, UInt32>(repeating: 0)
  public var hostname = Text.none
  /// Absolute path of the console device; none is `/dev/console`.
  public var console = Text.none
  public var loopback = true
  /// What Ctrl-Alt-Del does.
  public var ctrlAltDel = CtrlAltDelAction.reboot
  /// What SIGPWR does.
  public var powerFail = CtrlAltDelAction.poweroff
  /// File systems besides those of the kernel's interfaces, in manifest order.
  public var mounts: Rows<Mount> = Rows()
  /// What is made in the file system, in manifest order.
  public var creations: Rows<Creation> = Rows()
  /// Kernel modules, as entries of `Manifest.texts`.
  public var modules = TableRange.none
  /// `key=value` strings, keys with dots or slashes, as entries of `Manifest.texts`.
  public var sysctl = TableRange.none
  /// argv of the rescue shell, as entries of `Manifest.texts`; none is `/bin/sh`.
  public var rescue = TableRange.none
  /// `KEY=VALUE` strings for every service, as entries of `Manifest.texts`.
  public var environment = TableRange.none
  /// The longest time all stops together may take.
  public var shutdownTimeout = Interval.seconds(30)
  /// The group that may look through the control socket.
  public var controlGroup = Principal.none
  /// Mount what /etc/fstab lists.
  public var fstab = false
  /// The hardware watchdog's device; none is off.
  public var watchdogDevice = Text.none
  /// How long it waits before it resets the machine, in whole seconds as its driver counts.
  public var watchdogTimeout = Interval.seconds(15)
  /// The same once all services have ended.
  public var watchdogRebootTimeout = Interval.seconds(60)
  /// How long before it the kernel is told; `never` is off.
  public var watchdogPretimeout = Interval.never
  /// File that carries the random seed over a boot.
  public var randomSeed = Text.none
  /// Pattern of core(5).
  public var coredump = Text.none
  /// The least important lines of apus's own that are written: 0 error, 1 warning, 2 info, 3 debug.
  public var logLevel: UInt8 = 2
  /// PSI trigger: stalled time in a window; `never` is off.
  public var pressureStall = Interval.never
  public var pressureWindow = Interval.never
  /// How long a service must be idle before memory pressure may stop it.
  public var pressureIdle = Interval.seconds(10)
  /// No service that gives up ends the board before it has been up this long.
  public var minimumUptime = Interval.zero

  /// The file that counts boots that ended before they were good; none is off.
  public var bootState = Text.none
  /// So many of them, and the next boot takes the fallback manifest.
  public var bootLimit: UInt16 = 3
  /// A boot is good when it has lasted this long and the services of `goodNeeds`, entries of
  /// `Manifest.links`, are up.
  public var goodAfter = Interval.seconds(60)
  public var goodNeeds = TableRange.none
  /// What is run once then, as entries of `Manifest.texts`, and the service that was made of it.
  public var goodCommand = TableRange.none
  public var goodService: UInt16?

  /// Every default.
  public init() {}
}
