/// A text that RFC 8259 calls valid.
struct AcceptedText {
  var name: String
  var bytes: [UInt8]
  /// The same document written without spaces and with only the escapes that are needed.
  var rewritten: String
}

private func same(_ name: String, _ text: String) -> AcceptedText {
  AcceptedText(name: name, bytes: Array(text.utf8), rewritten: text)
}

private func text(_ name: String, _ text: String, as rewritten: String) -> AcceptedText {
  AcceptedText(name: name, bytes: Array(text.utf8), rewritten: rewritten)
}

/// Valid texts of every category of the published conformance suites.
let acceptedTexts: [AcceptedText] =
  acceptedStructures + acceptedArrays + acceptedObjects + acceptedNumbers + acceptedStrings
  + acceptedEscapes + acceptedUTF8

private let acceptedStructures: [AcceptedText] = [
  same("lonely true", "true"), same("lonely false", "false"), same("lonely null", "null"),
  same("lonely integer", "42"), same("lonely negative real", "-0.1"),
  same("lonely string", #""asd""#), same("lonely empty string", #""""#),
  same("lonely empty array", "[]"), same("lonely empty object", "{}"),
  text("line feed at the end", "[\"a\"]\n", as: #"["a"]"#),
  text("all four kinds of space", " \t\r\n[ \t\r\n] \t\r\n", as: "[]"),
  text("space before a scalar", "\n 1", as: "1"),
  text("space after a scalar", "1 \r\n", as: "1"),
  text("space everywhere in an object", "{ \"a\" \t:\n1\r, \"b\" : 2 }", as: #"{"a":1,"b":2}"#),
]

private let acceptedArrays: [AcceptedText] = [
  same("nested empty arrays", "[[],[[]],[]]"),
  text("nested arrays with spaces", "[[]   ]", as: "[[]]"),
  same("empty string", #"[""]"#), same("false", "[false]"), same("null", "[null]"),
  same("true", "[true]"), same("several nulls", "[1,null,null,null,2]"),
  same("every kind", #"[null,true,false,1,"1",{},[]]"#),
  text("leading space", "[ 1]", as: "[1]"), text("trailing space", "[2] ", as: "[2]"),
  text("number and line feed", "[1\n]", as: "[1]"),
  same(
    "the deepest nesting", String(repeating: "[", count: 32) + String(repeating: "]", count: 32)),
  same("a thousand elements", "[" + String(repeating: "0,", count: 999) + "0]"),
]

private let acceptedObjects: [AcceptedText] = [
  same("basic", #"{"asd":"sdf"}"#), same("two members", #"{"a":"b","c":"d"}"#),
  same("empty key", #"{"":0}"#), same("nested", #"{"a":{"b":{"c":[{}]}}}"#),
  same("a key in two objects", #"[{"a":1},{"a":2}]"#),
  same("a key inside itself", #"{"a":{"a":{"a":null}}}"#),
  same("extreme numbers", #"{"min":-1.0e+28,"max":1.0e+28}"#),
  same("keys that differ in case", #"{"a":1,"A":2}"#),
  same("keys of which one starts the other", #"{"a":1,"aa":2,"aaa":3,"":4}"#),
  text("NUL in a key", #"{"foo\u0000bar":42}"#, as: #"{"foo\u0000bar":42}"#),
  text(
    "keys that differ behind a NUL", #"{"a\u0000b":1,"a\u0000c":2,"a":3}"#,
    as: #"{"a\u0000b":1,"a\u0000c":2,"a":3}"#),
  same("keys that only look alike", "{\"e\u{301}\":1,\"\u{e9}\":2}"),
  text("line feeds", "{\n\"a\": \"b\"\n}", as: #"{"a":"b"}"#),
  text("escaped key", #"{"\u0061\u0062":1}"#, as: #"{"ab":1}"#),
  same("long strings", "{\"id\":\"" + String(repeating: "x", count: 4096) + "\"}"),
  same(
    "the deepest nesting",
    String(repeating: "{\"a\":", count: 32) + "0" + String(repeating: "}", count: 32)),
]

private let acceptedNumbers: [AcceptedText] = [
  "0", "-0", "1", "-1", "9", "10", "123", "-123", "1234567890", "0.0", "-0.0", "0.5", "-0.5", "1.5",
  "123.456789", "0.000000000000000000000000000000000000000000000000000000000001", "0e1", "0e+1",
  "0E-1", "1e5", "1E5", "1e+5", "1E+5", "1e-5", "1E-5", "1e05", "1e-00", "1e000000", "123e45",
  "123e-45", "123.456e78", "123.456E-78", "123.456e+78", "0.1e1", "1.0e10", "20e1", "-1e1",
  "-1.5E+3", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
  "100000000000000000000", "-123123123123123123123123123123", "1e400", "-1e400", "1e-400",
  "0.4e00669999999999999999999999999999999999999999999999", "1e99999999999999999999",
  "1e-99999999999999999999", "1.7976931348623157e308", "5e-324", "3.14159265358979323846264338",
].flatMap { [same("number \($0)", "[\($0)]"), text("space and \($0)", " \($0) ", as: $0)] }

private let acceptedStrings: [AcceptedText] = [
  same("simple", #"["asd"]"#), same("one space", #"" ""#), same("a comment", #"["a/*b*/c/*d//e"]"#),
  same("brackets and commas", #"["[],{}:"]"#), same("a slash", #"["/"]"#),
  same("single quotes", #"["it's"]"#), same("the delete character", "[\"a\u{7f}b\"]"),
  same("digits", #"["0123456789"]"#), same("words of the grammar", #"["true","false","null"]"#),
  same("every printable character", "[\"" + printable + "\"]"),
]

private let printable = String(
  decoding: (0x20...0x7e as ClosedRange<UInt8>).filter { $0 != 0x22 && $0 != 0x5c }, as: UTF8.self)

private let acceptedEscapes: [AcceptedText] =
  [
    text("allowed letters", #"["\"\\\/\b\f\n\r\t"]"#, as: #"["\"\\/\b\f\n\r\t"]"#),
    text("escaped backslash before u", #"["\\u0061"]"#, as: #"["\\u0061"]"#),
    text("escaped backslash before n", #"["\\n"]"#, as: #"["\\n"]"#),
    text("escaped backslash at the end", #"["\\"]"#, as: #"["\\"]"#),
    text("escaped quote by number", #"["\u0022"]"#, as: #"["\""]"#),
    text("escaped backslash by number", #"["\u005C"]"#, as: #"["\\"]"#),
    text("escaped slash by number", #"["\u002f"]"#, as: #"["/"]"#),
    text("escaped delete character", #"["\u007F"]"#, as: "[\"\u{7f}\"]"),
    text("mixed case digits", #"["\u00aB\u00Cd"]"#, as: "[\"\u{ab}\u{cd}\"]"),
    text("escaped letters", #"["\u0061\u30af\u30EA\u30b9"]"#, as: "[\"aクリス\"]"),
    text("text around", #"["new\u00A0line"]"#, as: "[\"new\u{a0}line\"]"),
    text("line feed by number", #"["new\u000Aline"]"#, as: #"["new\nline"]"#),
    text("zero by number", #"["\u0000"]"#, as: #"["\u0000"]"#),
    text("five digits", #"["\u00411"]"#, as: #"["A1"]"#),
    text("last of one byte", #"["\u007f"]"#, as: "[\"\u{7f}\"]"),
    text("first of two bytes", #"["\u0080"]"#, as: "[\"\u{80}\"]"),
    text("last of two bytes", #"["\u07ff"]"#, as: "[\"\u{7ff}\"]"),
    text("first of three bytes", #"["\u0800"]"#, as: "[\"\u{800}\"]"),
    text("before the surrogates", #"["\ud7ff"]"#, as: "[\"\u{d7ff}\"]"),
    text("after the surrogates", #"["\ue000"]"#, as: "[\"\u{e000}\"]"),
    text("last of three bytes", #"["\uffff"]"#, as: "[\"\u{ffff}\"]"),
    text("first pair", #"["\ud800\udc00"]"#, as: "[\"\u{10000}\"]"),
    text("last pair", #"["\uDBFF\uDFFF"]"#, as: "[\"\u{10ffff}\"]"),
    text("one pair", #"["\uD801\udc37"]"#, as: "[\"\u{10437}\"]"),
    text("two pairs", #"["\ud83d\ude39\ud83d\udc8d"]"#, as: "[\"😹💍\"]"),
    text("a clef", #"["\uD834\uDd1e"]"#, as: "[\"𝄞\"]"),
    text("a pair and a letter", #"["\ud834\udd1ex"]"#, as: "[\"𝄞x\"]"),
    text(
      "noncharacters", #"["\uFDD0\uFFFE\uFFFF\uD83F\uDFFE\uDBFF\uDFFF"]"#,
      as: "[\"\(noncharacters)\"]"),
    text("line separators", #"["\u2028\u2029"]"#, as: "[\"\u{2028}\u{2029}\"]"),
    text("invisible characters", #"["\u200B\u2064"]"#, as: "[\"\u{200b}\u{2064}\"]"),
  ] + controlEscapes

/// Built from numbers: some of them may not stand in a literal.
private let noncharacters = [0xfdd0, 0xfffe, 0xffff, 0x1fffe, 0x10ffff].map {
  String(Character(Unicode.Scalar($0 as UInt32) ?? " "))
}.joined()

private let controlEscapes: [AcceptedText] = (0..<0x20).map { code in
  let digits = (code < 16 ? "0" : "") + String(code, radix: 16)
  let short = [8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"][code]
  return text(
    "control character \(code)", "\"\\u00\(digits)\"", as: "\"" + (short ?? "\\u00\(digits)") + "\""
  )
}

private let acceptedUTF8: [AcceptedText] = [
  ("one byte", " ~\u{7f}"), ("two bytes", "\u{80}\u{7ff}"),
  ("three bytes", "\u{800}\u{fff}\u{1000}\u{cfff}\u{d000}\u{d7ff}\u{e000}\u{ffff}"),
  ("four bytes", "\u{10000}\u{3ffff}\u{40000}\u{fffff}\u{100000}\u{10ffff}"),
  ("all lengths", "$ĝ€𝄞"), ("line separators", "\u{2028}\u{2029}"), ("pi", "π"),
  ("reserved", "\u{1bfff}"), ("noncharacters", noncharacters),
  ("byte order mark inside", "\u{feff}"), ("replacement character", "\u{fffd}"),
  ("combining marks", "e\u{301}"), ("right to left", "\u{202e}שלום"), ("emoji", "👩‍🚀🏳️‍🌈"),
  ("Greek and Japanese", "κόσμε ⍂㈴⍂"),
].flatMap { name, characters in
  [
    same("UTF-8: \(name)", "\"\(characters)\""),
    same("UTF-8 as key: \(name)", "{\"\(characters)\":0}"),
  ]
}
