import ApusJSON

/// A text that RFC 8259 calls invalid, or that a limit refuses.
struct RefusedText {
  var name: String
  var bytes: [UInt8]
  /// The first error and the byte it is about.
  var code: JSONError.Code
  var offset: Int
}

private func text(_ text: String, _ code: JSONError.Code, _ offset: Int) -> RefusedText {
  RefusedText(name: text, bytes: Array(text.utf8), code: code, offset: offset)
}

private func bytes(_ bytes: [UInt8], _ code: JSONError.Code, _ offset: Int) -> RefusedText {
  RefusedText(name: "\(bytes)", bytes: bytes, code: code, offset: offset)
}

/// Invalid texts of every category of the published conformance suites.
let refusedTexts: [RefusedText] =
  refusedStructures + refusedArrays + refusedObjects + refusedNumbers + refusedWords
  + refusedStrings + refusedEscapes + refusedControls + refusedUTF8

private let refusedStructures: [RefusedText] = [
  text("", .empty, 0), text(" ", .empty, 1), text("\r\n\t ", .empty, 4),
  bytes([0xef, 0xbb, 0xbf], .byteOrderMark, 0), text("\u{feff}{}", .byteOrderMark, 0),
  bytes([0xef, 0xbb], .expectedValue, 0), bytes([0xff, 0xfe, 0x7b, 0], .expectedValue, 0),
  bytes([0, 0x7b, 0, 0x7d], .expectedValue, 0), bytes([0x7b, 0, 0x7d, 0], .expectedKey, 1),
  text("[", .unexpectedEnd, 1), text("{", .unexpectedEnd, 1), text("]", .expectedValue, 0),
  text("}", .expectedValue, 0), text(",", .expectedValue, 0), text(":", .expectedValue, 0),
  text("*", .expectedValue, 0), text("<null>", .expectedValue, 0),
  text("[<null>]", .expectedValue, 1),
  text("<.>", .expectedValue, 0), text("#", .comment, 0), text("é", .expectedValue, 0),
  text("[][]", .trailingBytes, 2), text("{}{}", .trailingBytes, 2), text("[1]]", .trailingBytes, 3),
  text("{}}", .trailingBytes, 2), text("[]#", .comment, 2), text("[1]x", .trailingBytes, 3),
  text("2@", .trailingBytes, 1), text("1 2", .trailingBytes, 2), text("1,", .trailingBytes, 1),
  text("\"a\" \"b\"", .trailingBytes, 4), text("true false", .trailingBytes, 5),
  text("{} // c", .comment, 3), text("/* c */ {}", .comment, 0),
  text("{\"a\":1} /", .trailingBytes, 8), text("[1 /* c */]", .comment, 3),
  text("[1}", .expectedCommaOrBracket, 2), text("{\"a\":1]", .expectedCommaOrBrace, 6),
  text("[}", .expectedValue, 1), text("{]", .expectedKey, 1), text("[{]}", .expectedKey, 2),
  text("[{", .unexpectedEnd, 2), text("{\"a\":[", .unexpectedEnd, 6),
  text("[{}", .unexpectedEnd, 3),
  text("[\u{c}]", .expectedValue, 1), text("[\u{b}]", .expectedValue, 1),
  text("[\u{a0}]", .expectedValue, 1), text("[\u{2060}]", .expectedValue, 1),
  text("\u{2028}[]", .expectedValue, 0), text("[]\u{85}", .trailingBytes, 2),
  text("\\u000A\"\"", .expectedValue, 0), bytes([0x5b, 0, 0x5d], .expectedValue, 1),
  bytes([0x5b, 0x5d, 0], .trailingBytes, 2), bytes([0xe5], .expectedValue, 0),
  text("\u{1f}[]", .expectedValue, 0), text("[,", .expectedValue, 1),
]

private let refusedArrays: [RefusedText] = [
  text("[1 true]", .expectedCommaOrBracket, 3), text("[\"\": 1]", .expectedCommaOrBracket, 3),
  text("[\"\"],", .trailingBytes, 4), text("[,1]", .expectedValue, 1),
  text("[1,,2]", .expectedValue, 3), text("[\"x\",,]", .expectedValue, 5),
  text("[1,]", .trailingComma, 3), text("[1, ]", .trailingComma, 4),
  text("[[],]", .trailingComma, 4), text("[\"x\"", .unexpectedEnd, 4),
  text("[x", .expectedValue, 1), text("[3[4]]", .expectedCommaOrBracket, 2),
  text("[1:2]", .expectedCommaOrBracket, 2), text("[1;2]", .expectedCommaOrBracket, 2),
  text("[,]", .expectedValue, 1),
  text("[   , \"\"]", .expectedValue, 4),
  text("[\"a\",\n4\n,1,", .unexpectedEnd, 11), text("[1,\n1\n,1", .unexpectedEnd, 8),
  text("[\"\u{b}a\"\\f]", .controlCharacter, 2), text("[*]", .expectedValue, 1),
  text("[\"\"", .unexpectedEnd, 3), text("[1,", .unexpectedEnd, 3),
  text("[{}[]]", .expectedCommaOrBracket, 3),
  text("[\"a\" \"b\"]", .expectedCommaOrBracket, 5),
  text("[null true]", .expectedCommaOrBracket, 6),
  text("[1,}", .expectedValue, 3), text("[] ]", .trailingBytes, 3),
  text(String(repeating: "[", count: 33) + String(repeating: "]", count: 33), .tooDeep, 32),
  text(String(repeating: "[", count: 100_000), .tooDeep, 32),
]

private let refusedObjects: [RefusedText] = [
  text("[\"x\", truth]", .invalidLiteral, 6), text("{[: \"x\"}", .expectedKey, 1),
  text("{\"x\", null}", .expectedColon, 4), text("{\"x\"::\"b\"}", .expectedValue, 5),
  text("{🇨🇭}", .expectedKey, 1), text("{\"a\":\"a\" 123}", .expectedCommaOrBrace, 9),
  text("{key: 'value'}", .expectedKey, 1), text("{'a':0}", .expectedKey, 1),
  text("{\"a\" b}", .expectedColon, 5), text("{:\"b\"}", .expectedKey, 1),
  text("{\"a\" \"b\"}", .expectedColon, 5), text("{\"a\":", .unexpectedEnd, 5),
  text("{\"a\"", .unexpectedEnd, 4), text("{\"a\" ", .unexpectedEnd, 5),
  text("{1:1}", .expectedKey, 1), text("{9999E9999:1}", .expectedKey, 1),
  text("{null:null}", .expectedKey, 1), text("{\"id\":0,,,,,}", .expectedKey, 8),
  text("{\"id\":0,}", .trailingComma, 8), text("{\"id\":0, }", .trailingComma, 9),
  text("{\"a\":1,,\"b\":2}", .expectedKey, 7), text("{a: \"b\"}", .expectedKey, 1),
  text("{\"a\":\"a", .unterminatedString, 5),
  text("{ \"foo\" : \"bar\", \"a\" }", .expectedColon, 21),
  text("{\"a\":}", .expectedValue, 5), text("{\"a\":]", .expectedValue, 5),
  text("{\"a\":,}", .expectedValue, 5), text("{,}", .expectedKey, 1),
  text("{\"a\":1 \"b\":2}", .expectedCommaOrBrace, 7),
  text("{\"a\":1:2}", .expectedCommaOrBrace, 6),
  text("{\"a\"=1}", .expectedColon, 4), text("{\"a\",1}", .expectedColon, 4),
  text("{\"a\"}", .expectedColon, 4), text("{true:1}", .expectedKey, 1),
  text("{[]:1}", .expectedKey, 1), text("{{}:1}", .expectedKey, 1), text("{}:1", .trailingBytes, 2),
  text("{\"a\":/*c*/1}", .comment, 5), text("{\"a\":1}#{}", .comment, 7),
  text("{\"a\":1,", .unexpectedEnd, 7), text("{\"a\":1,1}", .expectedKey, 7),
  text("{\"a\":1,\"a\":1}", .duplicateKey, 7),
  text("{\"a\":{},\"b\":1,\"a\":[]}", .duplicateKey, 14),
  text("[{\"\":1,\"\":2}]", .duplicateKey, 7), text("{\"\\n\":1,\"\\u000a\":2}", .duplicateKey, 8),
  text("{\"é\":1,\"\\u00e9\":2}", .duplicateKey, 8),
  text("{\"😹\":1,\"\\ud83d\\ude39\":2}", .duplicateKey, 10),
  text(String(repeating: "{\"a\":", count: 33), .tooDeep, 160),
]

/// Each stands alone and in an array; the offset is that of the lone text.
private let refusedNumbers: [RefusedText] =
  [
    ("-", JSONError.Code.invalidNumber, 1), ("+1", .expectedValue, 0), ("++1", .expectedValue, 0),
    ("-+1", .invalidNumber, 1), ("--1", .invalidNumber, 1), ("- 1", .invalidNumber, 1),
    ("01", .invalidNumber, 1), ("00", .invalidNumber, 1), ("-01", .invalidNumber, 2),
    ("-00", .invalidNumber, 2), ("012", .invalidNumber, 1), (".5", .expectedValue, 0),
    ("-.5", .invalidNumber, 1), (".", .expectedValue, 0), ("1.", .invalidNumber, 2),
    ("-1.", .invalidNumber, 3), ("0.e1", .invalidNumber, 2), ("1.e1", .invalidNumber, 2),
    ("2.e+3", .invalidNumber, 2), ("1.-1", .invalidNumber, 2), ("1. 5", .invalidNumber, 2),
    ("1e", .invalidNumber, 2), ("1E", .invalidNumber, 2), ("1e+", .invalidNumber, 3),
    ("1e-", .invalidNumber, 3), ("0e", .invalidNumber, 2), ("0E+", .invalidNumber, 3),
    ("1.0e", .invalidNumber, 4), ("1.0e+", .invalidNumber, 5), ("1.0E-", .invalidNumber, 5),
    ("1eE2", .invalidNumber, 2), ("1e++2", .invalidNumber, 3), ("1e 2", .invalidNumber, 2),
    ("1e.5", .invalidNumber, 2), ("1ea", .invalidNumber, 2), ("1e+a", .invalidNumber, 3),
    ("Infinity", .expectedValue, 0), ("-Infinity", .invalidNumber, 1), ("Inf", .expectedValue, 0),
    ("+Inf", .expectedValue, 0), ("NaN", .expectedValue, 0), ("-NaN", .invalidNumber, 1),
    ("-foo", .invalidNumber, 1), ("\u{ff11}", .expectedValue, 0), ("\u{661}", .expectedValue, 0),
    ("-\u{ff11}", .invalidNumber, 1), ("1.\u{ff11}", .invalidNumber, 2), ("$1", .expectedValue, 0),
  ].flatMap { number, code, offset in
    [text(number, code, offset), text("[\(number)]", code, offset + 1)]
  } + [
    text("[0x1]", .expectedCommaOrBracket, 2), text("[0x42]", .expectedCommaOrBracket, 2),
    text("[1_000]", .expectedCommaOrBracket, 2), text("[1 000]", .expectedCommaOrBracket, 3),
    text("[0.1.2]", .expectedCommaOrBracket, 4), text("[1+2]", .expectedCommaOrBracket, 2),
    text("[1-2]", .expectedCommaOrBracket, 2), text("[1e2.5]", .expectedCommaOrBracket, 4),
    text("[1.5x]", .expectedCommaOrBracket, 4), text("[-1x]", .expectedCommaOrBracket, 3),
    text("[1,5.]", .invalidNumber, 5), text("[1f]", .expectedCommaOrBracket, 2),
    text("[1L]", .expectedCommaOrBracket, 2), text("[1.2a-3]", .expectedCommaOrBracket, 4),
    bytes([0x5b, 0x31, 0xe5, 0x5d], .expectedCommaOrBracket, 2),
    bytes([0x5b, 0x31, 0x65, 0xe5, 0x5d], .invalidNumber, 3),
    bytes([0x5b, 0x30, 0xe5, 0x5d], .expectedCommaOrBracket, 2), text("0x", .trailingBytes, 1),
  ]

private let refusedWords: [RefusedText] =
  [
    "t", "tr", "tru", "f", "fa", "fal", "fals", "n", "nu", "nul", "tRUE", "falsE", "nULL", "nil",
    "none", "trve", "nan", "fasle", "ture", "t rue", "nul\u{0}",
  ].flatMap { [text($0, .invalidLiteral, 0), text("[\($0)]", .invalidLiteral, 1)] } + [
    text("True", .expectedValue, 0), text("TRUE", .expectedValue, 0),
    text("Null", .expectedValue, 0),
    text("[truex]", .expectedCommaOrBracket, 5), text("[truefalse]", .expectedCommaOrBracket, 5),
    text("nullx", .trailingBytes, 4), text("aå", .expectedValue, 0), text("å", .expectedValue, 0),
    text("[undefined]", .expectedValue, 1), text("yes", .expectedValue, 0),
  ]

private let refusedStrings: [RefusedText] = [
  text("\"", .unterminatedString, 0), text("[\"", .unterminatedString, 1),
  text("[\"asd]", .unterminatedString, 1), text("\"a\\\"", .unterminatedString, 0),
  text("\"\\", .unterminatedString, 1), text("'a'", .expectedValue, 0),
  text("['a']", .expectedValue, 1),
  text("[a\"b\"]", .expectedValue, 1), text("abc", .expectedValue, 0),
  text("\"a\"b", .trailingBytes, 3),
  text("\"a\"\"b\"", .trailingBytes, 3), text("`a`", .expectedValue, 0),
  text("\u{201c}a\u{201d}", .expectedValue, 0), text("[é]", .expectedValue, 1),
  text("\\n", .expectedValue, 0), text("[\\n]", .expectedValue, 1),
  text("[\"a\"\\n]", .expectedCommaOrBracket, 4),
  text("\"\"\"a\"\"\"", .trailingBytes, 2), text("[\"a\nb\"]", .controlCharacter, 3),
]

private let refusedEscapes: [RefusedText] =
  [
    ("\\u", JSONError.Code.invalidEscape, 0), ("\\u1", .invalidEscape, 0),
    ("\\u12", .invalidEscape, 0), ("\\u123", .invalidEscape, 0), ("\\u123g", .invalidEscape, 0),
    ("\\ug000", .invalidEscape, 0), ("\\u 123", .invalidEscape, 0), ("\\u+123", .invalidEscape, 0),
    ("\\u-123", .invalidEscape, 0), ("\\u12 4", .invalidEscape, 0), ("\\u{61}", .invalidEscape, 0),
    ("\\U0061", .invalidEscape, 0), ("\\x00", .invalidEscape, 0),
    ("\\u00\u{ff11}", .invalidEscape, 0),
    ("\\\u{0}", .invalidEscape, 0), ("\\\t", .invalidEscape, 0), ("\\\n", .invalidEscape, 0),
    ("\\🌀", .invalidEscape, 0), ("\\\\\\", .unterminatedString, -1), ("\\ud800", .loneSurrogate, 0),
    ("\\udbff", .loneSurrogate, 0), ("\\udc00", .loneSurrogate, 0), ("\\uDFFF", .loneSurrogate, 0),
    ("\\ud800x", .loneSurrogate, 0), ("\\ud800\\", .loneSurrogate, 0),
    ("\\ud800\\n", .loneSurrogate, 0),
    ("\\ud800\\u", .loneSurrogate, 0), ("\\ud800\\u1", .loneSurrogate, 0),
    ("\\ud800\\u1x", .loneSurrogate, 0), ("\\ud800\\udc", .loneSurrogate, 0),
    ("\\ud800\\ud800\\udc00", .loneSurrogate, 0), ("\\ud800\\u0061", .loneSurrogate, 0),
    ("\\udd1e\\ud834", .loneSurrogate, 0), ("\\ud834\\\\udd1e", .loneSurrogate, 0),
    ("\\ud83d\\ude39\\ud83d", .loneSurrogate, 12), ("a\\q", .invalidEscape, 1),
  ].map { characters, code, offset in text("[\"\(characters)\"]", code, offset + 2) }
  + "acdeghijklmopqsvwxyz0123456789'!?-+. ".filter { $0 != "u" }.map {
    text("\"\\\($0)\"", .invalidEscape, 1)
  }

private let refusedControls: [RefusedText] = (0..<0x20).map {
  bytes([0x22, 0x61, $0, 0x22], .controlCharacter, 2)
}

/// Ill-formed sequences by table 3-7 of the Unicode standard, as value and as key.
private let refusedUTF8: [RefusedText] =
  [
    [0x80], [0x81], [0xbf], [0xc0], [0xc0, 0x80], [0xc0, 0xaf], [0xc1, 0xbf], [0xc2], [0xc2, 0x41],
    [0xc2, 0xc2], [0xdf], [0xe0], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xe0, 0xa0],
    [0xe1, 0x80], [0xe1, 0x80, 0x41], [0xe5], [0xed, 0xa0, 0x80], [0xed, 0xad, 0xbf],
    [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], [0xed, 0xbf, 0xbf], [0xef, 0xbf], [0xf0],
    [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x90], [0xf0, 0x90, 0x80],
    [0xf0, 0x90, 0x80, 0x41], [0xf4, 0x90, 0x80, 0x80], [0xf4, 0xbf, 0xbf, 0xbf],
    [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfc, 0x80, 0x80, 0x80, 0x80, 0x80],
    [0xfc, 0x83, 0xbf, 0xbf, 0xbf, 0xbf], [0xfe], [0xff], [0xff, 0xff], [0xe9, 0x20],
  ].flatMap { (sequence: [UInt8]) in
    [
      bytes([0x22, 0x61] + sequence + [0x22], .invalidUTF8, 2),
      bytes([0x7b, 0x22] + sequence + Array("\":0}".utf8), .invalidUTF8, 2),
    ]
  }
