import JambaSystem

/// The members of a request's body, or of an object in it. Those that nobody reads are unknown.
struct Parameters {
  private var object: JSONObject
  private let path: String
  /// What the client calls a member that has another name here.
  private var places: [String: String] = [:]
  private var known: Set<String> = []
  let unknown: UnknownMembers

  /// - Parameter path: what stands before a member's name in errors, such as `stream_options.`
  init(_ object: JSONObject, path: String = "", _ unknown: UnknownMembers) {
    self.object = object
    self.path = path
    self.unknown = unknown
  }

  /// Gives a member the name that it has in /v1/chat/completions. Errors go on calling it what the client calls it.
  mutating func rename(_ name: String, to common: String) {
    guard let value = object[name], !value.isNull else { return }
    object[name] = nil
    set(common, value, place: name)
  }

  /// Puts a member in, in place of what has its name.
  ///
  /// - Parameter place: where the client has said so, if elsewhere; several for parts of the member, by their paths.
  mutating func set(_ name: String, _ value: JSON, place: String? = nil, places: [String: String] = [:]) {
    object[name] = value
    self.places[name] = place
    self.places.merge(places) { $1 }
  }

  /// What the client calls a member, or a part of one such as `tools[0].function`.
  func place(_ name: String) -> String {
    guard !places.isEmpty else { return path + name }
    var head = Substring(name)
    while true {
      if let place = places[String(head)] { return path + place + name.dropFirst(head.count) }
      guard let cut = head.lastIndex(where: { $0 == "." || $0 == "[" }) else { return path + name }
      head = head[..<cut]
    }
  }

  /// The members of a member that is an object; nil when it is absent or null.
  mutating func members(_ name: String) throws(Failure) -> Parameters? {
    try object(name).map { Parameters($0, path: place(name) + ".", unknown) }
  }

  /// Whether a member is there, be it null.
  func contains(_ name: String) -> Bool { object[name] != nil }

  /// nil for a member that is absent or null.
  mutating func value(_ name: String) -> JSON? {
    known.insert(name)
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  private mutating func value<Value>(
    _ name: String, _ what: String, _ convert: (JSON) -> Value?
  ) throws(Failure) -> Value? {
    guard let value = value(name) else { return nil }
    guard let converted = convert(value) else { throw .invalid(place(name), "\"\(place(name))\" is not \(what)") }
    return converted
  }

  mutating func string(_ name: String) throws(Failure) -> String? { try value(name, "a string") { $0.string } }
  mutating func bool(_ name: String) throws(Failure) -> Bool? { try value(name, "true or false") { $0.bool } }
  mutating func array(_ name: String) throws(Failure) -> [JSON]? { try value(name, "a list") { $0.array } }
  mutating func object(_ name: String) throws(Failure) -> JSONObject? { try value(name, "an object") { $0.object } }

  mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let number = try value(name, "a whole number", { $0.integer }) else { return nil }
    guard range.contains(number) else {
      let bounds =
        range.upperBound == .max
        ? "\(range.lowerBound) or more" : "within \(range.lowerBound)...\(range.upperBound)"
      throw .invalid(place(name), "\"\(place(name))\" is \(number), which is not \(bounds)")
    }
    return number
  }

  mutating func float(_ name: String) throws(Failure) -> Float? {
    try value(name, "a number") { $0.double.map { Float($0) } }
  }

  /// A member that would change the answer and is not supported: it may only say what holds anyhow.
  mutating func fixed(_ name: String, _ neutral: [JSON]) throws(Failure) {
    guard let value = value(name) else { return }
    let isNeutral = neutral.contains { $0 == value || $0.double != nil && $0.double == value.double }
    guard !isNeutral else { return }
    throw .unsupported(
      place(name), "\"\(place(name))\" is not supported with the value \(Parameters.brief(value))")
  }

  /// Members that change nothing about an answer.
  mutating func ignore(_ names: [String]) { known.formUnion(names) }

  /// Has a member passed over that is there in a form that nobody knows, or refused.
  func passOver(_ name: String) throws(Failure) {
    try unknown.pass(
      over: place(name), orThrow: .invalid(place(name), "\"\(place(name))\" has a form that is not known"))
  }

  /// Has what nobody has read passed over or refused.
  func finish() throws(Failure) {
    for (name, value) in object.members where !known.contains(name) && !value.isNull {
      try unknown.pass(over: place(name), orThrow: .unsupported(place(name)))
    }
  }

  private static func brief(_ value: JSON) -> String {
    let text = value.text()
    return text.count > 60 ? text.prefix(60) + "…" : text
  }
}
