import ApusBase
import ApusJSON

/// The error of a text, nil when it is accepted.
func parseError(_ bytes: [UInt8], limits: JSONLimits = .manifest) -> JSONError? {
  do {
    _ = try JSONDocument(bytes, limits: limits)
    return nil
  } catch {
    return error
  }
}

/// The error of a text, nil when it is accepted.
func parseError(_ text: String) -> JSONError? { parseError(Array(text.utf8)) }

/// The decoded bytes of a string node.
func decoded(_ document: JSONDocument, _ node: JSONNode) -> [UInt8] {
  var bytes: [UInt8] = []
  document.string(node, into: &bytes)
  return bytes
}

/// The children of a node: elements, or keys and values in turn.
func children(_ document: JSONDocument, _ node: JSONNode) -> [JSONNode] {
  var nodes: [JSONNode] = []
  var child = document.first(node)
  while let node = child {
    nodes.append(node)
    child = document.next(node)
  }
  return nodes
}

/// A document written again without spaces; numbers as they stand in the source.
func rewritten(_ document: JSONDocument) -> String {
  var writer = JSONWriter(capacity: 8 * document.bytes.count + 64)
  write(document, document.root, to: &writer)
  return String(decoding: writer.output.bytes, as: UTF8.self)
}

private func write(_ document: JSONDocument, _ node: JSONNode, to writer: inout JSONWriter) {
  switch document.kind(node) {
  case .object:
    writer.beginObject()
    var isKey = true
    for child in children(document, node) {
      if isKey {
        writer.key(decoded(document, child))
      } else {
        write(document, child, to: &writer)
      }
      isKey.toggle()
    }
    writer.endObject()
  case .array:
    writer.beginArray()
    for child in children(document, node) { write(document, child, to: &writer) }
    writer.endArray()
  case .string: writer.string(decoded(document, node))
  case .number: writer.number(document.bytes, document.text(node))
  case .true: writer.bool(true)
  case .false: writer.bool(false)
  case .null: writer.null()
  }
}

/// A generator that gives the same numbers for the same seed on every machine (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
