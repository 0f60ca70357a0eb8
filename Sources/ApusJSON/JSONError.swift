public import ApusBase

/// How much a text may ask of the parser before it is refused.
///
/// Every limit has its own error, and the size is checked before anything is allocated.
public struct JSONLimits: Equatable, Sendable {
  /// The longest text, in bytes; never above `maximumBytes`, which is what a tape entry can address.
  public var bytes: Int
  /// The deepest nesting of arrays and objects; a scalar alone has depth 0.
  public var depth: Int
  /// The longest string or key, in bytes after its escapes are resolved.
  public var stringBytes: Int
  /// How many duplicate keys the parser reads past; one more and they are the text's error.
  ///
  /// Those read past stand in `JSONDocument.duplicates`, so that a checker can name them together
  /// with everything else that is wrong. At most `maximumDuplicateKeys`.
  public var duplicateKeys: Int
  /// The most members of one object; an object with more counts as a duplicate key does, and its own
  /// keys are not compared.
  public var members: Int
  /// True when a byte order mark at the start is passed over instead of being the text's error.
  public var allowsByteOrderMark = false

  /// What one tape entry can address: 128 MiB.
  public static let maximumBytes = 1 << 27 - 1
  /// The most duplicate keys a document keeps.
  public static let maximumDuplicateKeys = 64

  /// Limits for other texts than manifests; out of range values are moved into range.
  public init(
    bytes: Int, depth: Int, stringBytes: Int, duplicateKeys: Int = 0, members: Int = .max
  ) {
    self.bytes = min(max(bytes, 0), JSONLimits.maximumBytes)
    self.depth = max(depth, 0)
    self.stringBytes = max(stringBytes, 0)
    self.duplicateKeys = min(max(duplicateKeys, 0), JSONLimits.maximumDuplicateKeys)
    self.members = max(members, 0)
  }

  /// The limits of a manifest file: 1 MiB, 32 levels, strings of 64 KiB.
  public static let manifest = JSONLimits(bytes: 1 << 20, depth: 32, stringBytes: 1 << 16)
}

/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, Sendable {
  /// The kinds of errors; each has one message.
  public enum Code: UInt8, Sendable {
    case tooLarge
    case tooDeep
    case stringTooLong
    case empty
    case byteOrderMark
    case expectedValue
    case expectedKey
    case expectedColon
    case expectedCommaOrBracket
    case expectedCommaOrBrace
    case trailingComma
    case trailingBytes
    case unexpectedEnd
    case unterminatedString
    case controlCharacter
    case invalidEscape
    case loneSurrogate
    case invalidUTF8
    case invalidNumber
    case invalidLiteral
    case comment
    case duplicateKey
    case tooManyMembers
  }

  /// What is wrong.
  public var code: Code
  /// The byte the error is about, counted from 0; the length of the text when it ends too early.
  public var offset: Int
  /// Of a duplicate key, the offset of the first key with the same name.
  public var first: Int?
  /// Of a limit, its value.
  public var limit: Int?

  /// An error without other numbers; one copy serves all, for size.
  @inline(never) init(_ code: Code, at offset: Int) {
    self.code = code
    self.offset = offset
  }

  /// An error of a text, also for those who check texts by rules of their own.
  public init(_ code: Code, at offset: Int, first: Int? = nil, limit: Int? = nil) {
    self.code = code
    self.offset = offset
    self.first = first
    self.limit = limit
  }

  /// The message without place or numbers, lower case, one line.
  public var message: Literal {
    switch code {
    case .tooLarge: "file is larger than the limit"
    case .tooDeep: "nested deeper than the limit"
    case .stringTooLong: "string is longer than the limit"
    case .empty: "expected object, found nothing"
    case .byteOrderMark: "a byte order mark is not allowed"
    case .expectedValue:
      "expected a value: an object, an array, \"text\", a number, true, false or null"
    case .expectedKey: "expected a key in double quotes"
    case .expectedColon: "expected ':' after the key"
    case .expectedCommaOrBracket: "expected ',' or ']'"
    case .expectedCommaOrBrace: "expected ',' or '}'"
    case .trailingComma: "a comma before the closing bracket is not allowed"
    case .trailingBytes: "expected the end of the file"
    case .unexpectedEnd: "unexpected end of the file: a bracket, brace or quote is open"
    case .unterminatedString: "string is not closed"
    case .controlCharacter: "control character in a string must be escaped"
    case .invalidEscape: "invalid escape in a string"
    case .loneSurrogate: "surrogate escape without its other half"
    case .invalidUTF8: "invalid UTF-8"
    case .invalidNumber: "invalid number: JSON has no leading zeros, no + and no 0x"
    case .invalidLiteral: "expected true, false or null"
    case .duplicateKey: "duplicate key"
    case .comment: "JSON has no comments, use \"description\""
    case .tooManyMembers: "the object has more members than the limit"
    }
  }

  /// Writes the message and, of a limit, its value: `string is longer than the limit of 65536 bytes`.
  public func write(to writer: inout ByteWriter) {
    writer.text(message)
    guard let limit else { return }
    writer.text(" of ")
    writer.decimal(Int64(limit))
    if code != .tooManyMembers { writer.text(code == .tooDeep ? " levels" : " bytes") }
  }
}
