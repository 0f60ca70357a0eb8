internal import ApusBase

/// Calendar expressions as systemd.time(7) has them, in UTC and without fractions of a second:
/// `[weekdays] [[year-]month-day] [hour:minute[:second]] [UTC]`, or a word like `daily`.
///
/// What an expression names is kept as a set of 512 bits, one for each second, minute, hour, month,
/// weekday, day and year. `*/2` is taken besides what systemd takes.
struct Calendar {
  /// The bits of a field: where the first one is, and what the first and the last one stand for.
  struct Field {
    let place: Int
    let least: Int
    let most: Int
  }
  static var seconds: Field { Field(place: 0, least: 0, most: 59) }
  static var minutes: Field { Field(place: 64, least: 0, most: 59) }
  static var hours: Field { Field(place: 128, least: 0, most: 23) }
  static var months: Field { Field(place: 160, least: 1, most: 12) }
  static var weekdays: Field { Field(place: 176, least: 0, most: 6) }
  static var days: Field { Field(place: 192, least: 1, most: 31) }
  /// Days counted from the end of the month: the same bits, and one that says so.
  static var lastDays: Field { Field(place: 192, least: 1, most: 28) }
  static var isFromEnd: Int { 255 }
  static var years: Field { Field(place: 256, least: 1970, most: 2199) }

  /// The set, in eight words.
  private(set) var set = Rows<Int64>(repeating: 0, count: 8)
  private var text: Bytes
  private var position = 0

  /// Reads an expression; nil when it is none.
  @inline(never) static func parse(_ text: Bytes) -> Rows<Int64>? {
    var calendar = Calendar(text: text)
    return calendar.read() ? calendar.set : nil
  }

  private init(text: Bytes) {
    self.text = Rows(own: text)
    for index in text.indices where text[index] >= 0x41 && text[index] <= 0x5a {
      self.text[index] |= 0x20
    }
  }

  private mutating func read() -> Bool {
    takeShorthand()
    let start = position
    if isLetter {
      repeat {
        guard let first = weekday() else { return false }
        var last = first
        if take("-") || take("."), take(".") || text[position - 1] == UInt8(ascii: "-") {
          guard let day = weekday(), day >= first else { return false }
          last = day
        }
        fill(Self.weekdays, first, last, 1)
      } while take(",")
      guard endsWord() else { return false }
    } else {
      fill(Self.weekdays)
    }
    let dashes = count("-") + count("~")
    if dashes != 2 { fill(Self.years) }
    if dashes > 0 {
      if dashes == 2 { guard field(Self.years), take("-") else { return false } }
      guard field(Self.months) else { return false }
      if take("~") {
        add(Self.isFromEnd)
        guard field(Self.lastDays) else { return false }
      } else {
        guard take("-"), field(Self.days) else { return false }
      }
      guard endsWord() else { return false }
    } else {
      fill(Self.months)
      fill(Self.days)
    }
    if count(":") > 0 {
      guard field(Self.hours), take(":"), field(Self.minutes) else { return false }
      if take(":") { guard field(Self.seconds) else { return false } } else { add(0) }
      guard endsWord() else { return false }
    } else {
      fill(Self.hours, 0, 0, 1)
      fill(Self.minutes, 0, 0, 1)
      add(0)
    }
    guard position > start else { return false }
    if isLetter { return letters() == 14 && position == text.count }
    return position == text.count
  }

  private static var names: WordList {
    WordList(
      "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday utc")
  }

  /// Puts what a shorthand at the start stands for in its place.
  private mutating func takeShorthand() {
    var end = 0
    while end < text.count, text[end] > 0x20 { end += 1 }
    let shorthands = WordList(
      "minutely hourly daily weekly monthly quarterly semiannually yearly annually")
    guard let number = shorthands.number(of: text.part(0, end)) else { return }
    let meanings = WordList("*:* *:0 *-* mon *-1 1,4,7,10-1 1,7-1 1-1 1-1")
    var meaning = meanings.word(number)
    meaning.append(contentsOf: text.part(end))
    text = meaning
  }

  // MARK: The set

  private mutating func add(_ bit: Int) { set[bit >> 6] |= 1 << Int64(bit & 63) }

  private mutating func fill(_ field: Field) { fill(field, field.least, field.most, 1) }

  @inline(never)
  private mutating func fill(_ field: Field, _ first: Int, _ last: Int, _ step: Int) {
    var value = first
    // Steps from the end of the month begin with the earlier day, the larger number.
    while step > 0 ? value <= last : value >= last {
      add(field.place + value - field.least)
      value += step
    }
  }

  // MARK: The text

  /// Numbers, ranges `first..last` and steps `/n`, as a list.
  @inline(never)
  private mutating func field(_ field: Field) -> Bool {
    let isFromEnd = field.most == 28
    let isWhole = take("*")
    repeat {
      var first = field.least
      var last = field.most
      var isOpen = true
      if !isWhole {
        guard let number = number(field) else { return false }
        first = number
        if take(".") {
          guard take("."), let number = self.number(field), number >= first else { return false }
          last = number
          isOpen = false
        } else if at() != UInt8(ascii: "/") {
          last = first
          isOpen = false
        } else if isFromEnd {
          last = first
          first = 1
        }
      }
      var step = 1
      if take("/") {
        guard let number = digits(), number > 0, number <= field.most - field.least else {
          return false
        }
        step = number
        // A step that leads nowhere is a mistake.
        if isOpen, step > last - first { return false }
      }
      if isFromEnd { fill(field, last, first, -step) } else { fill(field, first, last, step) }
    } while !isWhole && take(",")
    return true
  }

  private mutating func number(_ field: Field) -> Int? {
    guard var number = digits() else { return nil }
    // Years of two digits, as systemd reads them.
    if field.least == 1970, number < 100 { number += number < 70 ? 2000 : 1900 }
    return number >= field.least && number <= field.most ? number : nil
  }

  private mutating func digits() -> Int? {
    var value: Int?
    while let digit = Scalar.digit(at()), (value ?? 0) < 10_000 {
      value = (value ?? 0) * 10 + Int(digit)
      position += 1
    }
    return value
  }

  private mutating func weekday() -> Int? {
    letters().flatMap { $0 < 14 ? $0 % 7 : nil }
  }

  /// The number of the word that stands here.
  private mutating func letters() -> Int? {
    let start = position
    while isLetter { position += 1 }
    return Self.names.number(of: text.part(start, position))
  }

  private var isLetter: Bool { at() >= UInt8(ascii: "a") && at() <= UInt8(ascii: "z") }

  /// The byte that stands here, 0 at the end.
  private func at() -> UInt8 { text.at(position) ?? 0 }

  @inline(never)
  private mutating func take(_ letter: Unicode.Scalar) -> Bool {
    guard at() == UInt8(truncatingIfNeeded: letter.value) else { return false }
    position += 1
    return true
  }

  /// How often a letter stands in the word that begins here.
  private func count(_ letter: Unicode.Scalar) -> Int {
    var count = 0
    for byte in text.part(position) {
      if byte == 0x20 { break }
      if byte == UInt8(truncatingIfNeeded: letter.value) { count += 1 }
    }
    return count
  }

  /// Goes on to the next word; false inside one.
  private mutating func endsWord() -> Bool {
    guard at() == 0x20 else { return position == text.count }
    while take(" ") {}
    return position < text.count
  }
}

extension Manifest {
  /// The first second after `after` that a calendar expression names, in seconds since 1970 UTC;
  /// nil when there is none before 2200. `calendar` is what a timer's record holds of it.
  public func next(of calendar: Int64, after: Int64) -> Int64? {
    var time = max(0, min(after, 8_000_000_000) + 1)
    while true {
      let day = time / 86_400
      let date = CivilDate(day: Int(day))
      if date.year > Calendar.years.most { return nil }
      guard has(calendar, Calendar.years, date.year), has(calendar, Calendar.months, date.month)
      else {
        time = Int64(Int(day) + date.daysLeft + 1) * 86_400
        continue
      }
      let isFromEnd = has(calendar, Calendar.isFromEnd)
      guard has(calendar, Calendar.days, isFromEnd ? date.daysLeft + 1 : date.day),
        has(calendar, Calendar.weekdays, Int((day + 3) % 7))
      else {
        time = (day + 1) * 86_400
        continue
      }
      if !has(calendar, Calendar.hours, Int(time / 3600 % 24)) {
        time = (time / 3600 + 1) * 3600
      } else if !has(calendar, Calendar.minutes, Int(time / 60 % 60)) {
        time = (time / 60 + 1) * 60
      } else if !has(calendar, Calendar.seconds, Int(time % 60)) {
        time += 1
      } else {
        return time
      }
    }
  }

  private func has(_ calendar: Int64, _ field: Calendar.Field, _ value: Int) -> Bool {
    has(calendar, field.place + value - field.least)
  }

  @inline(never)
  private func has(_ calendar: Int64, _ bit: Int) -> Bool {
    (values.at(Int(truncatingIfNeeded: calendar) &+ bit >> 6) ?? 0) >> Int64(bit & 63) & 1 == 1
  }
}
