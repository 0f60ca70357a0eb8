import ApusJSON
import Foundation
import Testing

/// This parser against Foundation's, which was written by others from the same standard.
@Suite struct FoundationTests {
  @Test("both read the same from 3,000 random valid documents")
  func validDocuments() throws {
    var documents = RandomDocument(seed: 2026)
    var bytes = 0
    for index in 0..<3000 {
      let text = documents.next(values: 40)
      bytes += text.count
      let document = try JSONDocument(text)
      let value = try JSONDecoder().decode(FoundationValue.self, from: Data(text))
      let agrees = value.agrees(with: document, at: document.root)
      #expect(agrees, "document \(index): \(String(decoding: text, as: UTF8.self))")
      let again = try JSONDocument(Array(rewritten(document).utf8))
      #expect(value.agrees(with: again, at: again.root), "document \(index) written again")
    }
    #expect(bytes > 100_000)
  }

  @Test("both refuse the same of 6,000 damaged documents")
  func damagedDocuments() {
    var documents = RandomDocument(seed: 8259)
    var tally = [true: 0, false: 0]
    for _ in 0..<6000 {
      var text = documents.next(values: 6)
      let index = Int.random(in: 0..<text.count, using: &documents.generator)
      let byte = UInt8.random(in: 0...255, using: &documents.generator)
      switch Int.random(in: 0..<3, using: &documents.generator) {
      case 0: text[index] = byte
      case 1: text.remove(at: index)
      default: text.insert(byte, at: index)
      }
      let document = try? JSONDocument(text)
      let accepted =
        (try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)) != nil
      tally[document != nil, default: 0] += 1
      // RFC 8259 lets Foundation refuse numbers that are too large for it.
      if let document, !accepted, hasInfinity(document, document.root) { continue }
      #expect((document != nil) == accepted, "\(text): \(String(describing: parseError(text)))")
    }
    #expect(tally.values.allSatisfy { $0 > 500 }, "\(tally)")
  }
}

/// Whether a document holds a number beyond the largest Double.
private func hasInfinity(_ document: JSONDocument, _ node: JSONNode) -> Bool {
  let text = String(decoding: document.bytes[document.text(node)], as: UTF8.self)
  return document.kind(node) == .number && Double(text)?.isFinite != true
    || children(document, node).contains { hasInfinity(document, $0) }
}

/// A value as Foundation reads it.
private enum FoundationValue: Decodable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
  case array([FoundationValue])
  case object([String: FoundationValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .double(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([FoundationValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: FoundationValue].self))
    }
  }

  /// Whether a node of a document is this value, strings compared by their bytes.
  func agrees(with document: JSONDocument, at node: JSONNode) -> Bool {
    let text = String(decoding: document.bytes[document.text(node)], as: UTF8.self)
    switch (self, document.kind(node)) {
    case (.null, .null), (.bool(true), .true), (.bool(false), .false): return true
    case (.integer(let value), .number):
      // Foundation also calls 1.0 and 1e2 integers.
      return document.integer(node).map { $0 == value } ?? (Double(text) == Double(value))
    case (.double(let value), .number):
      return document.integer(node) == nil && Double(text) == value
    case (.string(let value), .string): return decoded(document, node) == Array(value.utf8)
    case (.array(let values), .array):
      let nodes = children(document, node)
      return nodes.count == values.count
        && zip(values, nodes).allSatisfy { $0.agrees(with: document, at: $1) }
    case (.object(let members), .object):
      let nodes = children(document, node)
      return members.count == document.count(node)
        && stride(from: 0, to: nodes.count, by: 2).allSatisfy { index in
          let key = String(decoding: decoded(document, nodes[index]), as: UTF8.self)
          return members[key]?.agrees(with: document, at: nodes[index + 1]) ?? false
        }
    default: return false
    }
  }
}
