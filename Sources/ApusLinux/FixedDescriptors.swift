internal import ApusBase
internal import ApusManifest
internal import CApus

/// The descriptors apus keeps open from start to end, for its children's standard streams and its
/// own log; -1 where the machine has no such thing.
struct FixedDescriptors {
  var null: Int32
  var console: Int32 = -1
  var kernelLog: Int32 = -1

  /// Opens what the role needs. Nothing of it is fatal: a stream that is not there is /dev/null's.
  init(console text: Text, of manifest: Manifest, role: KernelRole) {
    null = unsafe FixedDescriptors.open("/dev/null") { unsafe capus_open($0, 1) }
    var usesConsole = role == .initProcess
    var usesKernelLog = role == .initProcess
    for streams in manifest.streams {
      for target in [streams.input, streams.output, streams.error] {
        if target == .console { usesConsole = true }
        if target == .kmsg { usesKernelLog = true }
      }
    }
    if usesKernelLog {
      kernelLog = unsafe FixedDescriptors.open("/dev/kmsg") { unsafe capus_open_terminal($0) }
    }
    if usesConsole {
      var path = manifest.bytes(text)
      path.append(0)
      self.console =
        text.isEmpty
        ? unsafe FixedDescriptors.open("/dev/console") { unsafe capus_open($0, 1) }
        : unsafe path.withUnsafeBufferPointer { bytes in
          unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe capus_open($0.baseAddress, 1) }
        }
    }
  }

  private static func open(
    _ path: StaticString, _ call: (UnsafePointer<CChar>) -> Int32
  ) -> Int32 {
    unsafe UnsafeRawPointer(path.utf8Start).withMemoryRebound(
      to: CChar.self, capacity: path.utf8CodeUnitCount + 1
    ) { unsafe call($0) }
  }
}
