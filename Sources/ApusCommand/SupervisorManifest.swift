internal import ApusBase
internal import ApusManifest
internal import ApusWire
internal import CApus

extension SupervisorReply {
  /// The main file of the supervisor's manifest as this process finds it.
  ///
  /// A relative path counts from the supervisor's folder, which /proc/PID/cwd names; where that cannot
  /// be read, the link itself leads there.
  var mainFile: Bytes {
    if manifest.first == UInt8(ascii: "/") { return manifest }
    var path = ByteWriter.room(512)
    path.text("/proc/")
    path.decimal(Int64(pid))
    path.text("/cwd")
    let link = Rows(own: path.bytes)
    var target = Bytes(repeating: 0, count: 4096)
    let count = unsafe target.withUnsafeMutableBufferPointer { target in
      unsafe link.withUnsafeBufferPointer {
        unsafe capus_read_link($0.baseAddress, $0.count, target.baseAddress, target.count)
      }
    }
    var folder = link
    if count > 0, count < target.count {
      target.removeLast(target.count - Int(count))
      folder = target
    }
    return folder.with("/").joined(manifest)
  }

  /// Says what is wrong with a service that the supervisor has found to be invalid, as the files are now.
  @inline(never)
  func tellMistake(of service: Bytes, context: inout Context) {
    if manifest.isEmpty { return }
    let loaded = CheckCommand.load(Rows(repeating: mainFile, count: 1), forFirst: pid == 1)
    guard let index = loaded.manifest.index(of: service.span),
      let diagnostic = loaded.reason(for: index)
    else { return }
    var line = ByteWriter.room(8192)
    diagnostic.write(into: &line)
    context.output.writer.printable(line.bytes)
    context.output.endLine()
  }
}
