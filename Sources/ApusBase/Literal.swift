/// A literal of the program, by the address of its first byte.
///
/// One word where `StaticString` has three: hundreds of calls hand a message or a key over. The
/// compiler ends a literal with a NUL; none of apus's has another one in it. Give one a name as a
/// computed property: the compiler makes a stored one at run time.
@safe
public struct Literal: ExpressibleByStringLiteral, @unchecked Sendable {
  /// The address of the bytes, which end with a NUL.
  public let start: UnsafePointer<UInt8>

  /// Takes a literal; always one of the program's text, never a single scalar.
  @inline(__always)
  public init(stringLiteral value: StaticString) { unsafe start = value.utf8Start }

  /// The literal as a C string, for a path or a name.
  public var cString: UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self)
  }

  /// How many bytes it has; counted anew each time.
  public var count: Int {
    @inline(never) get {
      var count = 0
      while unsafe start[count] != 0 { count &+= 1 }
      return count
    }
  }
}

/// Comparing and copying literals as bytes: comparing `String` would link the Unicode tables.
extension Rows where Element == UInt8 {
  /// The bytes of a literal.
  @inline(never)
  public init(_ literal: Literal) {
    self = Rows()
    append(literal)
  }

  /// Appends a byte; one copy of the code for growing, which `append` repeats at every call.
  @inline(never)
  public mutating func push(_ byte: UInt8) { append(byte) }

  /// Appends a literal.
  @inline(never)
  public mutating func append(_ literal: Literal) {
    var next = unsafe literal.start
    while unsafe next.pointee != 0 {
      unsafe push(next.pointee)
      unsafe next += 1
    }
  }

  /// True when these are the bytes of a literal.
  @inline(never)
  public func equals(_ literal: Literal) -> Bool {
    count == literal.count && starts(with: literal)
  }

  /// True when the first bytes are those of a literal.
  @inline(never)
  public func starts(with literal: Literal) -> Bool { matches(literal, at: 0) }

  /// True when the last bytes are those of a literal.
  @inline(never)
  public func ends(with literal: Literal) -> Bool {
    let start = count - literal.count
    return start >= 0 && matches(literal, at: start)
  }

  /// True when the bytes of a literal stand there.
  private func matches(_ literal: Literal, at start: Int) -> Bool {
    var index = start
    var next = unsafe literal.start
    while unsafe next.pointee != 0 {
      guard index < count, unsafe self[index] == next.pointee else { return false }
      index &+= 1
      unsafe next += 1
    }
    return true
  }

  /// All but the first bytes.
  @inline(never)
  public func dropping(_ skipped: Int) -> Bytes {
    var rest: Bytes = Rows()
    for index in Swift.min(skipped, count)..<count { rest.push(self[index]) }
    return rest
  }
}

extension Rows<Bytes> {
  /// Appends an element; see `push` of bytes.
  @inline(never)
  public mutating func push(_ element: Bytes) { append(element) }
}

#if !hasFeature(Embedded)
  extension Literal: CustomStringConvertible {
    /// The text, for tests and tools of the host.
    public var description: String { unsafe String(cString: start) }
  }
#endif
