import CStorage
import JambaFormat
import Testing

@Suite struct StorageTypeTests {
  /// The kernels' list of types and the file's are the same, by number.
  @Test func matricesAreTheKernelsTypes() {
    for number in UInt8.min...UInt8.max {
      #expect(StorageType(rawValue: number).map(\.isMatrix) ?? false == jk_is_type(UInt32(number)))
    }
    #expect(StorageType.allCases.map(\.name) == ["document", "f32 vector", "f32", "bf16", "int8", "int4", "int6", "int3", "int2"])
    #expect(StorageType.allCases.filter(\.traits.hasCodes) == [.int8, .int4, .int6, .int3, .int2])
  }

  /// Sizes worked out by hand from docs/FORMAT.md: 32 bytes of row scales and 8 a group, up to a multiple of 64, then tiles.
  @Test(arguments: [
    (StorageType.f32, [1: 32, 7: 224, 64: 2048]),
    (.bf16, [1: 16, 7: 112, 64: 1024]),
    // One group; two groups of 32 columns; one of 64; 3 of 32; 16 of 64 (32 + 128 = 160 bytes, 192 with padding).
    (.int8, [1: 64 + 256, 33: 64 + 512, 64: 64 + 512, 96: 64 + 768, 1024: 192 + 32 * 256]),
    (.int6, [1: 64 + 192, 33: 64 + 384, 64: 64 + 384, 96: 64 + 576, 1024: 192 + 32 * 192]),
    // 4 groups end the first 64 bytes; 32 groups are 32 + 256 = 288 bytes, 320 with padding.
    (.int4, [1: 64 + 128, 33: 64 + 256, 128: 64 + 512, 129: 128 + 640, 1024: 320 + 32 * 128]),
    (.int3, [1: 64 + 96, 33: 64 + 192, 256: 64 + 768, 257: 128 + 864, 1024: 192 + 32 * 96]),
    (.int2, [1: 64 + 64, 33: 64 + 128, 256: 64 + 512, 257: 128 + 576, 1024: 192 + 32 * 64]),
  ])
  func stripsHaveTheSizesOfTheFormat(type: StorageType, sizes: [Int: Int]) {
    for (columns, size) in sizes {
      #expect(type.stripByteCount(columns: columns) == size)
      #expect(type.byteCount(shape: [17, columns]) == 3 * size)
    }
  }

  @Test func groupsHaveTheSizesOfTheFormat() {
    for (columns, wide) in [(1, 32), (32, 32), (64, 64), (96, 32), (128, 64)] {
      #expect(StorageType.int8.scaleGroup(columns: columns) == wide)
      #expect(StorageType.int6.scaleGroup(columns: columns) == wide)
      #expect(StorageType.int4.scaleGroup(columns: columns) == 32)
      for type in [StorageType.f32, .bf16, .vector, .document] { #expect(type.scaleGroup(columns: columns) == nil) }
    }
  }

  @Test func absurdExtentsHaveNoSize() {
    for type in StorageType.allCases where type.isMatrix {
      for columns in [Int.min, -1, 0, StorageType.maximumExtent + 1, .max] {
        #expect(type.stripByteCount(columns: columns) == nil)
        #expect(type.byteCount(shape: [8, columns]) == nil)
        #expect(type.byteCount(shape: [columns, 8]) == nil)
      }
      #expect(type.stripByteCount(columns: StorageType.maximumExtent) != nil)
      #expect(type.byteCount(shape: [8]) == nil && type.byteCount(shape: [8, 8, 8]) == nil)
    }
    for type in [StorageType.vector, .document] { #expect(type.stripByteCount(columns: 64) == nil) }
  }
}
