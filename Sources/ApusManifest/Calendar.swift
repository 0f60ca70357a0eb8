/// Calendar expressions as systemd.time(7) has them, without seconds' fractions and time zones:
/// `[weekdays] [year-month-day] [hour:minute[:second]]`, or a word like `daily`.
enum Calendar {
  private static let words = Words("minutely hourly daily weekly monthly quarterly yearly")
  private static let days = Words("Mon Tue Wed Thu Fri Sat Sun")

  static func isValid(_ text: [UInt8]) -> Bool {
    if words.number(of: text) != nil { return true }
    // What may come next: 0 weekdays, 1 a date, 2 a time, 3 nothing.
    var stage = 0
    var start = 0
    for index in 0...text.count where index == text.count || text[index] == 0x20 {
      let part = [UInt8](text[start..<index])
      start = index + 1
      if stage == 0, areDays(part) {
        stage = 1
      } else if stage <= 1, fields(part, UInt8(ascii: "-"), 3...3, [9999, 12, 31]) {
        stage = 2
      } else if stage <= 2, fields(part, UInt8(ascii: ":"), 2...3, [23, 59, 59]) {
        stage = 3
      } else {
        return false
      }
    }
    return true
  }

  private static func areDays(_ text: [UInt8]) -> Bool {
    var start = 0
    for index in 0...text.count where index == text.count || text[index] == UInt8(ascii: ",") {
      let part = [UInt8](text[start..<index])
      start = index + 1
      switch part.count {
      case 3: guard days.number(of: part) != nil else { return false }
      case 8:
        guard days.number(of: [UInt8](part[..<3])) != nil, part[3] == UInt8(ascii: "."),
          part[4] == UInt8(ascii: "."), days.number(of: [UInt8](part[5...])) != nil
        else { return false }
      default: return false
      }
    }
    return true
  }

  /// Numbers, `*`, lists, `first..last` and `/step`, separated by a character.
  private static func fields(
    _ text: [UInt8], _ separator: UInt8, _ count: ClosedRange<Int>, _ most: [UInt64]
  ) -> Bool {
    var fields = 0
    var start = 0
    for index in 0...text.count where index == text.count || text[index] == separator {
      guard let most = most.at(fields), component([UInt8](text[start..<index]), most) else {
        return false
      }
      start = index + 1
      fields += 1
    }
    return count.contains(fields)
  }

  private static func component(_ text: [UInt8], _ most: UInt64) -> Bool {
    var position = 0
    while true {
      if position < text.count, text[position] == UInt8(ascii: "*") {
        position += 1
      } else {
        guard let first = padded(text, &position), first <= most else { return false }
        if position + 1 < text.count, text[position] == UInt8(ascii: "."),
          text[position + 1] == UInt8(ascii: ".")
        {
          position += 2
          guard let last = padded(text, &position), last <= most, last >= first else {
            return false
          }
        }
      }
      if position < text.count, text[position] == UInt8(ascii: "/") {
        position += 1
        guard let step = padded(text, &position), step > 0, step <= most else { return false }
      }
      if position == text.count { return true }
      guard text[position] == UInt8(ascii: ",") else { return false }
      position += 1
    }
  }

  /// A number that may have leading zeros.
  private static func padded(_ text: [UInt8], _ position: inout Int) -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < text.count, position < start + 4, let digit = Scalar.digit(text[position]) {
      value = value * 10 + digit
      position += 1
    }
    return position == start ? nil : value
  }
}
