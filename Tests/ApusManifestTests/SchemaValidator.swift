import Foundation

/// The part of JSON Schema 2020-12 that the manifest's schema uses; an unknown keyword is an error.
struct SchemaValidator {
  let root: [String: Any]
  private static let annotations: Set = [
    "$schema", "$id", "$defs", "title", "description", "default", "examples",
  ]

  /// Reads a schema from its file.
  init(contentsOf url: URL) throws {
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    root = value as? [String: Any] ?? [:]
  }

  /// Why a text is refused; empty when it is valid.
  func errors(in text: String) throws -> [String] {
    let value = try JSONSerialization.jsonObject(
      with: Data(text.utf8), options: [.fragmentsAllowed])
    return errors(value, root, "")
  }

  /// Why a value is refused by a part of the schema; empty when it is valid.
  func errors(of value: Any, in part: [String: Any]) -> [String] { errors(value, part, "") }

  /// The schema of a definition.
  func definition(_ name: String) -> [String: Any] {
    (root["$defs"] as? [String: Any])?[name] as? [String: Any] ?? [:]
  }

  /// The schema a `$ref` stands for.
  func resolve(_ schema: [String: Any]) -> [String: Any] {
    guard let reference = schema["$ref"] as? String else { return schema }
    var current = root
    for step in reference.dropFirst("#/".count).split(separator: "/") {
      current = current[String(step)] as? [String: Any] ?? [:]
    }
    return resolve(current)
  }

  private func isValid(_ value: Any, _ schema: Any?) -> Bool {
    errors(value, schema as? [String: Any] ?? [:], "").isEmpty
  }

  private func errors(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
    var found: [String] = []
    for (keyword, rule) in schema where !holds(keyword, rule, value, schema, path, &found) {
      found.append("\(path): \(keyword)")
    }
    return found
  }

  private func holds(
    _ keyword: String, _ rule: Any, _ value: Any, _ schema: [String: Any], _ path: String,
    _ found: inout [String]
  ) -> Bool {
    let object = value as? [String: Any]
    let array = value as? [Any]
    let text = value as? String
    let number = isBool(value) ? nil : value as? NSNumber
    switch keyword {
    case "$ref": found += errors(value, resolve(schema), path)
    case "type":
      return (rule as? [String] ?? [rule as? String ?? ""]).contains { hasType(value, $0) }
    case "const": return isEqual(value, rule)
    case "enum": return (rule as? [Any])?.contains { isEqual(value, $0) } ?? false
    case "properties":
      for (key, child) in rule as? [String: Any] ?? [:] {
        guard let member = object?[key], let child = child as? [String: Any] else { continue }
        found += errors(member, child, "\(path).\(key)")
      }
    case "patternProperties", "if", "then", "else", "prefixItems": break
    case "additionalProperties":
      let known = Set((schema["properties"] as? [String: Any] ?? [:]).keys)
      let patterns = (schema["patternProperties"] as? [String: Any] ?? [:]).keys
      for (key, member) in object ?? [:] {
        if known.contains(key) || patterns.contains(where: { matches(key, $0) }) { continue }
        guard let child = rule as? [String: Any] else {
          found.append("\(path).\(key): unknown")
          continue
        }
        found += errors(member, child, "\(path).\(key)")
      }
    case "propertyNames":
      for key in (object ?? [:]).keys where !isValid(key, rule) { found.append("\(path).\(key)") }
    case "required":
      return object.map { (rule as? [String] ?? []).allSatisfy($0.keys.contains) } ?? true
    case "maxProperties": return object.map { $0.count <= rule as? Int ?? 0 } ?? true
    case "items":
      let first = schema["prefixItems"] as? [[String: Any]] ?? []
      for (index, element) in (array ?? []).enumerated() {
        let child = index < first.count ? first[index] : rule as? [String: Any] ?? [:]
        found += errors(element, child, "\(path)[\(index)]")
      }
    case "minItems": return array.map { $0.count >= rule as? Int ?? 0 } ?? true
    case "maxItems": return array.map { $0.count <= rule as? Int ?? 0 } ?? true
    case "minLength": return text.map { $0.unicodeScalars.count >= rule as? Int ?? 0 } ?? true
    case "maxLength": return text.map { $0.unicodeScalars.count <= rule as? Int ?? 0 } ?? true
    case "pattern": return text.map { matches($0, rule as? String ?? "") } ?? true
    case "minimum": return number.map { $0.doubleValue >= (rule as? Double ?? 0) } ?? true
    case "maximum": return number.map { $0.doubleValue <= (rule as? Double ?? 0) } ?? true
    case "anyOf": return (rule as? [Any])?.contains { isValid(value, $0) } ?? false
    case "allOf": return (rule as? [Any])?.allSatisfy { isValid(value, $0) } ?? false
    case "oneOf": return (rule as? [Any])?.filter { isValid(value, $0) }.count == 1
    case "not": return !isValid(value, rule)
    default:
      if !Self.annotations.contains(keyword) { found.append("unknown keyword \(keyword)") }
    }
    if keyword == "properties", let condition = schema["if"] {
      let branch = isValid(value, condition) ? "then" : "else"
      if let rule = schema[branch], !isValid(value, rule) { found.append("\(path): \(branch)") }
    }
    return true
  }

  private func matches(_ text: String, _ pattern: String) -> Bool {
    guard let expression = try? NSRegularExpression(pattern: pattern) else { return false }
    let range = NSRange(text.startIndex..., in: text)
    return expression.firstMatch(in: text, range: range) != nil
  }

  private func isBool(_ value: Any) -> Bool {
    guard let number = value as? NSNumber else { return false }
    return String(cString: number.objCType) == "c"
  }

  private func hasType(_ value: Any, _ type: String) -> Bool {
    switch type {
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "string": value is String
    case "boolean": isBool(value)
    case "number": !isBool(value) && value is NSNumber
    case "integer":
      !isBool(value)
        && (value as? NSNumber).map { $0.doubleValue.rounded() == $0.doubleValue }
          ?? false
    default: false
    }
  }

  private func isEqual(_ left: Any, _ right: Any) -> Bool {
    isBool(left) == isBool(right) && (left as? NSObject)?.isEqual(right) ?? false
  }
}
