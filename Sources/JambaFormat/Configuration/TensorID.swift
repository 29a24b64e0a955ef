/// A tensor of a model: a role, and the layer and expert that it belongs to, where it belongs to one.
package struct TensorID: Hashable, Sendable {
  package let role: TensorRole
  package let layer: Int?
  package let expert: Int?

  package init(_ role: TensorRole, layer: Int? = nil, expert: Int? = nil) {
    precondition(role.traits.place.isInLayer == (layer != nil), "\(role) is in a layer, or in none")
    precondition(expert == nil || role.traits.place == .feedForward, "an expert has no \(role)")
    self.role = role
    self.layer = layer
    self.expert = expert
  }

  /// The same tensor of all experts together, for what is counted by layer.
  package var ofAllExperts: TensorID { TensorID(role, layer: layer) }

  /// The tensor whose input is this one's: of matrices that read the same input the first.
  package var inputOwner: TensorID {
    role.traits.inputOf.map { TensorID($0, layer: layer, expert: expert) } ?? self
  }

  /// The name in a .jamba file: the checkpoint's, where the content is the same.
  package var name: String { prefixes[0] + role.traits.name }

  /// The names that a checkpoint may have it under, today's first.
  ///
  /// - Parameter isOnly: whether the layer has a single expert, which is a dense feed-forward part: some tools number it.
  package func checkpointNames(isOnly: Bool) -> [String] {
    let traits = role.traits
    var ends = [traits.name]
    if case .logarithm(let name) = traits.source { ends = [name] }
    if let former = traits.formerName { ends.append(former) }
    var prefixes = prefixes
    if traits.place == .feedForward, expert == nil, isOnly { prefixes += prefixes.map { $0 + "experts.0." } }
    return prefixes.flatMap { prefix in ends.map { prefix + $0 } }
  }

  /// The names that the experts of a layer may have in one tensor.
  package var fusedNames: [String] {
    guard let fused = role.traits.fused, expert != nil else { return [] }
    return ofAllExperts.prefixes.map { $0 + "experts." + fused.name }
  }

  /// The names that this matrix of all experts of a layer may have as one tensor, `[experts, rows, columns]` (mlx-lm).
  package var stackedNames: [String] {
    expert == nil ? [] : ofAllExperts.prefixes.map { $0 + "switch_mlp." + role.traits.name }
  }

  /// Names that checkpoints hold besides those of the model and nobody needs: a head beside the embeddings that it is tied
  /// to, and rotary frequencies, which some tools write for every attention layer.
  package static func isSuperfluous(_ name: String, in c: ModelConfiguration) -> Bool {
    name.hasSuffix("rotary_emb.inv_freq") || (c.tieWordEmbeddings && name.hasSuffix(TensorRole.head.traits.name))
  }

  /// A recipe's pattern for the tensors of this kind in this layer, those of all experts together.
  package var kindPattern: String {
    layer.map { "model.layers.\($0).*.\(role.traits.name)" } ?? name
  }

  /// What the converter's report counts it with.
  package var family: String { expert == nil ? role.traits.family : "experts" }

  /// What may precede the last parts of its name: today's spelling first, then those of older tools, and all of them
  /// without "model.", as a model saved without its head has them.
  private var prefixes: [String] {
    let place = role.traits.place
    if place == .outside { return [""] }
    let layer = layer.map { "layers.\($0)." } ?? ""
    let ends: [String] =
      switch place {
      case .outside, .model, .layer: [layer]
      case .mamba: [layer + "mamba."]
      case .attention: [layer + "self_attn."]
      case .feedForward, .mixture:
        ["feed_forward.", "moe."].map { layer + $0 + (expert.map { "experts.\($0)." } ?? "") }
      }
    return ends.map { "model." + $0 } + ends
  }
}
