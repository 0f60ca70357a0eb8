internal import ApusBase
internal import ApusManifest
internal import CApus

/// The descriptors apus keeps open from start to end, for its children's standard streams and its
/// own log; -1 where the machine has no such thing.
struct FixedDescriptors {
  var null: Int32
  var console: Int32 = -1
  var kernelLog: Int32 = -1

  private static var nullPath: Literal { "/dev/null" }
  private static var logPath: Literal { "/dev/kmsg" }

  /// Opens what the role needs. Nothing of it is fatal: a stream that is not there is /dev/null's.
  init(console text: Text, of manifest: Manifest, role: KernelRole) {
    null = unsafe capus_open(FixedDescriptors.nullPath.cString, 1)
    var usesConsole = role == .initProcess
    var usesKernelLog = role == .initProcess
    for streams in manifest.streams {
      usesConsole = usesConsole || streams.uses(.console)
      usesKernelLog = usesKernelLog || streams.uses(.kmsg)
    }
    if usesKernelLog { kernelLog = unsafe capus_open_terminal(FixedDescriptors.logPath.cString) }
    if usesConsole {
      let path = text.isEmpty ? Bytes("/dev/console").terminated : manifest.terminated(text)
      console = unsafe path.withCPath { unsafe capus_open($0, 1) }
    }
  }
}

extension Streams {
  /// True when one of them is that.
  func uses(_ target: StreamTarget) -> Bool {
    input == target || output == target || error == target
  }
}
