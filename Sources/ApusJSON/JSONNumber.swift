internal import ApusBase

extension JSONDocument {
  /// A number written without fraction and exponent; nil for others and outside 64 bits.
  public func integer(_ node: JSONNode) -> Int64? {
    guard kind(node) == .number else { return nil }
    var value: Int64 = 0
    var isNegative = false
    for index in text(node) {
      if bytes[index] == UInt8(ascii: "-") {
        isNegative = true
        continue
      }
      guard let digit = JSONParser.digit(bytes[index]),
        let next = JSONDocument.append(digit, to: value, isNegative: isNegative)
      else { return nil }
      value = next
    }
    return value
  }

  /// A number times ten to the power of `digits`, when that is exactly an integer of 64 bits.
  ///
  /// Gives fractions (`0.1`, `1e-1`) without floating point: with 3 digits both are 100 and 0.0005
  /// is nil. `digits` is 0 to 18.
  public func scaled(_ node: JSONNode, digits: Int) -> Int64? {
    guard kind(node) == .number, digits >= 0, digits <= 18 else { return nil }
    let text = text(node)
    var (exponent, end) = (digits, text.upperBound)
    for index in text where bytes[index] | 0x20 == UInt8(ascii: "e") {
      guard let written = JSONDocument.exponent(bytes, index + 1..<end) else { return nil }
      exponent += written
      end = index
    }
    var value: Int64 = 0
    var isNegative = false
    var isFraction = false
    for index in text.lowerBound..<end {
      if bytes[index] == UInt8(ascii: "-") { isNegative = true }
      if bytes[index] == UInt8(ascii: ".") { isFraction = true }
      guard let digit = JSONParser.digit(bytes[index]) else { continue }
      if isFraction { exponent -= 1 }
      guard let next = JSONDocument.append(digit, to: value, isNegative: isNegative) else {
        return nil
      }
      value = next
    }
    while exponent < 0, value != 0 {
      guard value % 10 == 0 else { return nil }
      value /= 10
      exponent += 1
    }
    while exponent > 0, value != 0 {
      guard let next = JSONDocument.append(0, to: value, isNegative: isNegative) else { return nil }
      value = next
      exponent -= 1
    }
    return value
  }

  @inline(never) private static func append(_ digit: UInt8, to value: Int64, isNegative: Bool)
    -> Int64?
  {
    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) =
      isNegative
      ? product.subtractingReportingOverflow(Int64(digit))
      : product.addingReportingOverflow(Int64(digit))
    return overflow || carry ? nil : sum
  }

  /// The exponent, nil above a million, which no manifest number needs.
  @inline(never) private static func exponent(_ bytes: Bytes, _ range: Range<Int>) -> Int? {
    var value = 0
    var isNegative = false
    for index in range {
      if bytes[index] == UInt8(ascii: "-") { isNegative = true }
      guard let digit = JSONParser.digit(bytes[index]) else { continue }
      value = value * 10 + Int(digit)
      if value > 1_000_000 { return nil }
    }
    return isNegative ? -value : value
  }
}
