/// A day of the Gregorian calendar.
package struct CivilDate {
  package let year: Int
  /// From 1 to 12.
  package let month: Int
  /// From 1 on.
  package let day: Int

  /// The day that many days after 1970-01-01, by Howard Hinnant's `civil_from_days`: years begin
  /// with March, so that the leap day is the last. Not for days before the year 0.
  @inline(never) package init(day number: Int) {
    let shifted = number + 719_468
    let era = shifted / 146_097
    let ofEra = shifted % 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * ofYear + 2) / 153
    day = ofYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days of the month that follow.
  package var daysLeft: Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let length = month == 2 ? isLeap ? 29 : 28 : 30 + (month + month / 8) & 1
    return length - day
  }
}
