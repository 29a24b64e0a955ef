import JambaConvert
import TestSupport
import Testing

/// Blocks of every type against llama.cpp's Python package, bit for bit.
@Suite struct GGUFTypeTests {
  static let names = GGUFType.allCases.map(\.name)

  @Test(arguments: names) func valuesAreThoseOfTheReference(name: String) throws {
    let file = try GGUFFile(path: Fixtures.gguf("types.gguf"))
    let expected = try TensorFile(Fixtures.gguf("types.safetensors"))
    let tensors = file.tensors.filter { $0.name.split(separator: ".")[0] == name }
    #expect(!tensors.isEmpty)
    for tensor in tensors {
      let type = try #require(tensor.type)
      #expect(type.name == name && expected.tensors[tensor.name]?.shape == tensor.shape)
      var values = [Float](repeating: .nan, count: tensor.shape.reduce(1, *))
      try values.withUnsafeMutableBufferPointer { try type.read(tensor.range, of: file.file, into: $0) }
      let reference = expected.floats(tensor.name)
      #expect(values.count == reference.count)
      let different = values.indices.filter { values[$0].bitPattern != reference[$0].bitPattern }
      #expect(different.isEmpty, "\(tensor.name): \(different.count), first at \(different[0])")
    }
  }

  /// All that the reference's package can read is read.
  @Test func everyTypeIsInTheFixture() throws {
    let file = try GGUFFile(path: Fixtures.gguf("types.gguf"))
    #expect(Set(file.tensors.map { String($0.name.split(separator: ".")[0]) }) == Set(GGUFTypeTests.names))
  }
}
