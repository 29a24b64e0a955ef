// Invariant: the only unsafe code here is the C library's conversion of a time; it writes into a local variable.
import JambaSystem

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#elseif canImport(Glibc)
  import Glibc
#endif

/// A moment in the calendar and on the clock of a place, as `strftime` prints it.
public struct LocalTime: Sendable, Equatable {
  public var year, month, day, hour, minute, second: Int

  public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    self.year = min(max(year, 1), 9999)
    self.month = min(max(month, 1), 12)
    self.day = min(max(day, 1), 31)
    self.hour = min(max(hour, 0), 23)
    self.minute = min(max(minute, 0), 59)
    self.second = min(max(second, 0), 60)
  }

  /// The system's clock and time zone.
  public static func current() -> LocalTime {
    var seconds = time(nil)
    var parts = unsafe tm()
    guard unsafe localtime_r(&seconds, &parts) != nil else { return LocalTime(year: 1970, month: 1, day: 1) }
    return unsafe LocalTime(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
      minute: Int(parts.tm_min), second: Int(parts.tm_sec))
  }

  /// Days since the first of January, from zero.
  var dayOfYear: Int {
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
    let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
    return before[month - 1] + day - 1 + (isLeap && month > 2 ? 1 : 0)
  }

  /// From Sunday, zero.
  var weekday: Int {
    let past = year - 1
    return (past * 365 + past / 4 - past / 100 + past / 400 + dayOfYear + 1) % 7
  }

  static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]

  /// Seconds since 1970, by the system's time zone.
  private var epoch: Int {
    var parts = unsafe tm()
    unsafe (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
    unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
    unsafe parts.tm_isdst = -1
    return unsafe Int(mktime(&parts))
  }

  /// The year and the week by ISO 8601, where weeks begin on Monday and the first one holds the year's first Thursday.
  private var isoWeek: (year: Int, week: Int) {
    func days(_ year: Int) -> Int { (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365 }
    let thursday = dayOfYear - (weekday + 6) % 7 + 3
    if thursday < 0 { return (year - 1, (thursday + days(year - 1)) / 7 + 1) }
    if thursday >= days(year) { return (year + 1, (thursday - days(year)) / 7 + 1) }
    return (year, thursday / 7 + 1)
  }

  /// The time in the C locale by a format of glibc's `strftime`, with its flags (`_-0^#`), widths and the modifiers E and O.
  /// What is not known stays as it is.
  func formatted(_ format: String) -> String {
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      let rest = scalars
      var field = TimeField()
      while let flag = scalars.first, "_-0^#".unicodeScalars.contains(flag) {
        field.take(flag)
        scalars.removeFirst()
      }
      while let digit = scalars.first?.asciiDigitValue, digit < 10 {
        field.width = min((field.width ?? 0) * 10 + digit, TimeField.widthLimit)
        scalars.removeFirst()
      }
      if scalars.first == "E" || scalars.first == "O" { scalars.removeFirst() }
      if let directive = scalars.popFirst(), let text = text(directive, field) {
        result += text
      } else {
        result += "%"
        scalars = rest
      }
    }
    return result
  }

  private func text(_ directive: Unicode.Scalar, _ field: TimeField) -> String? {
    func number(_ value: Int, _ width: Int = 2, _ pad: Unicode.Scalar = "0") -> String { field.number(value, width, pad) }
    switch directive {
    case "Y": return number(year, 4)
    case "G": return number(isoWeek.year, 4)
    case "g": return number(isoWeek.year % 100)
    case "V": return number(isoWeek.week)
    case "y": return number(year % 100)
    case "C": return number(year / 100)
    case "m": return number(month)
    case "d": return number(day)
    case "e": return number(day, 2, " ")
    case "H": return number(hour)
    case "I": return number((hour + 11) % 12 + 1)
    case "k": return number(hour, 2, " ")
    case "l": return number((hour + 11) % 12 + 1, 2, " ")
    case "M": return number(minute)
    case "S": return number(second)
    case "j": return number(dayOfYear + 1, 3)
    case "s": return number(epoch, 1)
    case "u": return number((weekday + 6) % 7 + 1, 1)
    case "w": return number(weekday, 1)
    case "U": return number((dayOfYear + 7 - weekday) / 7)
    case "W": return number((dayOfYear + 7 - (weekday + 6) % 7) / 7)
    // A time without a zone and without parts of a second, as Python's `datetime.now()` is taken for here.
    case "f": return "000000"
    case "Z", "z": return ""
    case "p": return field.text(hour < 12 ? "AM" : "PM", swapped: hour < 12 ? "am" : "pm")
    case "P": return field.text(hour < 12 ? "am" : "pm")
    case "A": return field.text(Self.weekdays[weekday])
    case "a": return field.text(String(Self.weekdays[weekday].prefix(3)))
    case "B": return field.text(Self.months[month - 1])
    case "b", "h": return field.text(String(Self.months[month - 1].prefix(3)))
    case "D", "x": return field.text(formatted("%m/%d/%y"))
    case "F": return field.text(formatted("%Y-%m-%d"))
    case "T", "X": return field.text(formatted("%H:%M:%S"))
    case "R": return field.text(formatted("%H:%M"))
    case "r": return field.text(formatted("%I:%M:%S %p"))
    case "c": return field.text(formatted("%a %b %e %H:%M:%S %Y"))
    case "n": return field.text("\n")
    case "t": return field.text("\t")
    case "%": return field.text("%")
    default: return nil
    }
  }
}

/// The flags and the width of a directive of `strftime`.
private struct TimeField {
  var width: Int?
  /// What fills numbers; nil for the directive's own, `-` for nothing.
  private var fill: Unicode.Scalar?
  private var isUpper = false
  private var isSwapped = false

  static let widthLimit = 1000

  mutating func take(_ flag: Unicode.Scalar) {
    switch flag {
    case "^": isUpper = true
    case "#": isSwapped = true
    case "_": fill = " "
    default: fill = flag
    }
  }

  func number(_ value: Int, _ standard: Int, _ pad: Unicode.Scalar) -> String {
    let text = String(value)
    guard fill != "-" else { return padded(text, to: width ?? 0, with: " ") }
    return padded(text, to: width ?? standard, with: fill ?? pad)
  }

  func text(_ text: String, swapped: String? = nil) -> String {
    var text = text
    if isSwapped { text = swapped ?? PythonText.upper(text) } else if isUpper { text = PythonText.upper(text) }
    return padded(text, to: width ?? 0, with: fill == "-" ? " " : fill ?? " ")
  }

  private func padded(_ text: String, to width: Int, with pad: Unicode.Scalar) -> String {
    String(repeating: String(pad), count: max(0, width - text.utf8.count)) + text
  }
}

/// `base` to the power of `exponent`, from the C library.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
