/// The arguments of a call, evaluated.
struct Arguments {
  var positional: [Value] = []
  var named: [(name: String, value: Value)] = []

  /// The arguments by parameter, as Python binds them; nil where one is not given.
  func bind(
    _ function: String, _ parameters: [String], required: Int = 0
  ) throws(TemplateError) -> [Value?] {
    guard positional.count <= parameters.count else {
      throw .runtime(
        "\(function)() takes at most \(parameters.count) arguments (\(positional.count) given)")
    }
    var values: [Value?] = positional
    values += Array(repeating: nil, count: parameters.count - positional.count)
    for (name, value) in named {
      guard let index = parameters.firstIndex(of: name) else {
        throw .runtime("\(function)() got an unexpected keyword argument '\(name)'")
      }
      guard values[index] == nil else {
        throw .runtime("\(function)() got multiple values for argument '\(name)'")
      }
      values[index] = value
    }
    for index in 0..<required where values[index] == nil {
      throw .runtime("\(function)() missing a required argument: '\(parameters[index])'")
    }
    return values
  }
}

extension Value? {
  /// The integer given, or the default where nothing is.
  func integer(_ fallback: Int) throws(TemplateError) -> Int {
    guard let value = self else { return fallback }
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let integer = value.integer else {
      throw .runtime("'\(value.typeName)' object cannot be interpreted as an integer")
    }
    return integer
  }

  func isTrue(_ fallback: Bool) -> Bool { self?.isTrue ?? fallback }

  /// The argument where it is given and not `none`.
  var given: Value? { if case .some(.none) = self { nil } else { self } }

  /// The string given; nil for nothing or `none`.
  func text(_ parameter: String) throws(TemplateError) -> String? {
    guard let value = given else { return nil }
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let text = value.text else { throw .runtime("\(parameter) must be str, not \(value.typeName)") }
    return text
  }
}
