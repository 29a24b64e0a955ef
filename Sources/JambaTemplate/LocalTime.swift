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

  /// The time in the C locale by a format of `strftime`. `-` after `%` leaves padding out; what is not known stays as is.
  func formatted(_ format: String) -> String {
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var isPadded = true
      if scalars.first == "-" {
        isPadded = false
        scalars.removeFirst()
      }
      guard let directive = scalars.popFirst() else {
        result += isPadded ? "%" : "%-"
        break
      }
      func padded(_ value: Int, _ width: Int = 2, with pad: String = "0") -> String {
        let text = String(value)
        return isPadded ? String(repeating: pad, count: max(0, width - text.count)) + text : text
      }
      switch directive {
      case "Y": result += padded(year, 4)
      case "y": result += padded(year % 100)
      case "C": result += padded(year / 100)
      case "m": result += padded(month)
      case "d": result += padded(day)
      case "e": result += padded(day, with: " ")
      case "H": result += padded(hour)
      case "I": result += padded((hour + 11) % 12 + 1)
      case "k": result += padded(hour, with: " ")
      case "l": result += padded((hour + 11) % 12 + 1, with: " ")
      case "M": result += padded(minute)
      case "S": result += padded(second)
      case "f": result += "000000"
      case "p": result += hour < 12 ? "AM" : "PM"
      case "P": result += hour < 12 ? "am" : "pm"
      case "j": result += padded(dayOfYear + 1, 3)
      case "u": result += String((weekday + 6) % 7 + 1)
      case "w": result += String(weekday)
      case "U": result += padded((dayOfYear + 7 - weekday) / 7)
      case "W": result += padded((dayOfYear + 7 - (weekday + 6) % 7) / 7)
      case "A": result += Self.weekdays[weekday]
      case "a": result += Self.weekdays[weekday].prefix(3)
      case "B": result += Self.months[month - 1]
      case "b", "h": result += Self.months[month - 1].prefix(3)
      case "D", "x": result += formatted("%m/%d/%y")
      case "F": result += formatted("%Y-%m-%d")
      case "T", "X": result += formatted("%H:%M:%S")
      case "R": result += formatted("%H:%M")
      case "r": result += formatted("%I:%M:%S %p")
      case "c": result += formatted("%a %b %e %H:%M:%S %Y")
      case "Z", "z": break
      case "n": result += "\n"
      case "t": result += "\t"
      case "%": result += "%"
      default:
        result += "%"
        result.unicodeScalars.append(directive)
      }
    }
    return result
  }
}

/// `base` to the power of `exponent`, from the C library.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
