package import JambaFormat

/// What a conversion would write, known before anything is read but the checkpoint's headers and documents.
package struct PlannedModel {
  package let configuration: ModelConfiguration
  private let tensors: [TensorSpecification]
  private let documents: [CheckpointDocument]
  private let usualRecipe: Recipe
  private let rules: [Recipe.Rule]
  private let path: String

  /// - Throws: as opening the checkpoint.
  package init(
    checkpoint path: String, rules: [Recipe.Rule] = [], tokenizer: String? = nil, adapters: [AdapterSource] = []
  ) throws(ConversionError) {
    let checkpoint = try openCheckpoint(path, adapters: adapters)
    (self.path, self.rules) = (path, rules)
    configuration = checkpoint.configuration
    tensors = ModelTensors(configuration).all
    usualRecipe = .keeping(checkpoint)
    documents = try JambaConvert.documents(checkpoint, tokenizer: tokenizer)
  }

  /// The directory of the file, but for where things lie in it and what they take there: unpacked, it is what they take in memory.
  ///
  /// - Parameter recipe: nil for the one that a conversion takes by itself.
  package func directory(_ recipe: Recipe?) -> Directory {
    let recipe = (recipe ?? usualRecipe).preceded(by: rules).resolved(for: tensors)
    let plan = ConversionPlan(configuration, recipe) { _ in }
    var directory = Directory()
    func append(byteCount: Int) {
      let first = directory.blocks.count
      let count = (byteCount + Block.byteCount - 1) / Block.byteCount
      for _ in 0..<count {
        directory.blocks.append(Block(storedByteCount: Block.byteCount, isCompressed: false, checksum: 0, offset: 0))
      }
      directory.segments.append(
        Segment(packing: .raw, offset: 0, storedByteCount: byteCount, byteCount: byteCount, blocks: first..<first + count))
    }
    for segment in plan.segments {
      for tensor in segment.tensors {
        directory.entries.append(
          Entry(
            name: tensor.specification.name, type: tensor.type, shape: tensor.specification.shape,
            segment: directory.segments.count, offset: tensor.offset, byteCount: tensor.byteCount))
      }
      append(byteCount: segment.byteCount)
    }
    for document in documents {
      directory.entries.append(
        Entry(
          name: document.name, type: .document, shape: [document.bytes.count], segment: directory.segments.count, offset: 0,
          byteCount: document.bytes.count))
      append(byteCount: document.bytes.count)
    }
    return directory
  }

  /// The recipe of the most bits a weight with which the file would do; to a hundredth of a bit.
  ///
  /// - Returns: nil where 2 bits everywhere are too many.
  package func recipe(_ fits: (Directory) -> Bool) throws(ConversionError) -> Recipe? {
    // In hundredths: 2 bits are 2.125 with their scales, and more where rows are padded; 8 are 8.5.
    var (low, high) = (200, 1000)
    var best: Recipe?
    while low < high {
      let middle = (low + high + 1) / 2
      let recipe: Recipe?
      do throws(ConversionError) { recipe = try .meeting(bits: Double(middle) / 100, configuration, path: path) } catch {
        // Fewer than 2 bits everywhere take.
        low = middle
        continue
      }
      if let recipe, fits(directory(recipe)) { (low, best) = (middle, recipe) } else { high = middle - 1 }
    }
    return best
  }
}
