import JambaConvert
import TestSupport
import Testing

/// Blocks of every type against llama.cpp's Python package, bit for bit.
@Suite struct GGUFTypeTests {
  /// Those that the package has no code for; `tools/check/gguf-types` holds them against llama.cpp's C code.
  static let unknownToPackage: Set<GGUFType> = [.q10, .q20]
  static let names = GGUFType.allCases.filter { !unknownToPackage.contains($0) }.map(\.name)

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

  /// The numbers 0 to 7 of a block whose scale is 1.5 and whose codes begin with the byte, as ggml-common.h has them.
  @Test(arguments: [
    (GGUFType.q10, UInt8(0b0110_0101), [1, -1, 1, -1, -1, 1, 1, -1]), (.q20, 0b11_10_01_00, [-1, 0, 1, 2, -1, -1, -1, -1]),
  ]) func shortCodesStandInOrder(type: GGUFType, byte: UInt8, codes: [Float]) {
    var values = [Float](repeating: .nan, count: type.blockSize)
    let bytes = [0x00, 0x3E, byte] + [UInt8](repeating: 0, count: 15)
    var span = values.mutableSpan
    type.decode(bytes.span, into: &span)
    #expect(Array(values[..<8]) == codes.map { 1.5 * $0 })
    #expect(values[8...].allSatisfy { $0 == -1.5 })
  }
}
