public import ApusBase
internal import CApus

/// The kernel's index of modules and what each needs (`modules.dep`, depmod(8)).
public struct ModuleIndex: Sendable {
  /// The text of `modules.dep`: `path: dependency dependency…`, nearest dependency first.
  let bytes: Bytes

  /// Takes the text of the file.
  public init(_ bytes: Bytes) { self.bytes = bytes }

  /// The paths to load for a module, in order and itself last; nil when the index lacks it.
  ///
  /// `-` and `_` are the same in names. The file lists dependencies in an order that works when
  /// read from its end.
  public func paths(for name: Bytes) -> Rows<Bytes>? {
    var start = 0
    while start < bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != UInt8(ascii: ":"), bytes[end] != UInt8(ascii: "\n") {
        end += 1
      }
      if end < bytes.count, bytes[end] == UInt8(ascii: ":"), isModule(start..<end, named: name) {
        return paths(at: start)
      }
      while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
      start = end + 1
    }
    return nil
  }

  /// The paths of a line, from its end.
  private func paths(at start: Int) -> Rows<Bytes> {
    var place = start
    var line: Bytes = Rows()
    _ = line.read(bytes, from: &place, upTo: UInt8(ascii: "\n"))
    place = 0
    var word: Bytes = Rows()
    _ = word.read(line, from: &place, upTo: UInt8(ascii: ":"))
    var listed: Rows<Bytes> = Rows()
    listed.push(word)
    while word.read(line, from: &place, upTo: UInt8(ascii: " ")) {
      if !word.isEmpty { listed.push(word) }
    }
    var paths: Rows<Bytes> = Rows()
    while let path = listed.popLast() { paths.push(path) }
    return paths
  }

  /// True when a path's last component, without `.ko` and what follows, is that name.
  private func isModule(_ path: Range<Int>, named name: Bytes) -> Bool {
    var first = path.lowerBound
    for index in path where bytes[index] == UInt8(ascii: "/") { first = index + 1 }
    let file = first..<path.upperBound
    guard !name.isEmpty, file.count >= name.count + 3 else { return false }
    for (offset, letter) in name.enumerated()
    where joined(letter) != joined(bytes[first + offset]) { return false }
    let extent = first + name.count
    guard bytes[extent] == UInt8(ascii: "."), bytes[extent + 1] == UInt8(ascii: "k"),
      bytes[extent + 2] == UInt8(ascii: "o")
    else { return false }
    return file.count == name.count + 3 || bytes[extent + 3] == UInt8(ascii: ".")
  }

  private func joined(_ letter: UInt8) -> UInt8 {
    letter == UInt8(ascii: "-") ? UInt8(ascii: "_") : letter
  }
}

/// Loads kernel modules with what they need, by the index of the running kernel.
struct ModuleLoader {
  /// `/lib/modules/RELEASE/`
  private var folder: Bytes = Rows()
  private var index: ModuleIndex?

  /// Reads the index once.
  init() {
    folder = Bytes("/lib/modules/")
    var release = Bytes(repeating: 0, count: 64)
    let count = unsafe release.withUnsafeMutableBufferPointer {
      unsafe capus_kernel_release($0.baseAddress, $0.count)
    }
    guard count > 0 else { return }
    for index in 0..<Int(count) { folder.push(release[index]) }
    folder.append("/")
    var path = folder
    path.append("modules.dep")
    if let bytes = try? readFile(path, limit: 4 << 20) { index = ModuleIndex(bytes) }
  }

  /// Loads a module; one that is loaded already, or part of the kernel, is fine.
  func load(_ name: Bytes) throws(Errno) {
    guard let paths = index?.paths(for: name) else {
      if isPresent(name) { return }
      throw .noEntry
    }
    for path in paths {
      var whole = path.starts(with: "/") ? Rows() : folder
      for byte in path { whole.push(byte) }
      let isCompressed: Int32 = path.ends(with: "o") ? 0 : 1
      let answer = unsafe whole.terminated.withCPath { unsafe capus_load_module($0, isCompressed) }
      if answer != 0 - Errno.exists.code { try checked(answer) }
    }
  }

  /// True when the kernel has it: /sys/module lists what is loaded and most of what is built in.
  private func isPresent(_ name: Bytes) -> Bool {
    var path = Bytes("/sys/module/")
    for letter in name {
      path.push(letter == UInt8(ascii: "-") ? UInt8(ascii: "_") : letter)
    }
    return unsafe path.terminated.withCPath { unsafe capus_exists($0) } == 1
  }
}
