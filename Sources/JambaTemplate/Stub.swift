public import JambaFormat
public struct TemplateError: Error, CustomStringConvertible { public var description: String { "" } }
public struct ChatTemplate: Sendable { public init(_ s: String) throws(TemplateError) {}
 public func render(_ c: JSONObject) throws(TemplateError) -> String { "" } }
