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
