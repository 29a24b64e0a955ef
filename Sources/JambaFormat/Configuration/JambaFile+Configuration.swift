extension JambaFile {
  /// The configuration that the file holds, or what is wrong with it.
  ///
  /// - Throws: `invalidModel` when it holds none; as `json`.
  package func configuration() throws(FormatError) -> Result<ModelConfiguration, ConfigurationError> {
    guard let config = try json(DocumentName.configuration) else {
      throw .invalidModel(path: path, reason: "config.json is missing")
    }
    let generation = try json(DocumentName.generationConfiguration)
    return Result { () throws(ConfigurationError) in try ModelConfiguration(config, generation: generation) }
  }

  /// The entry of a tensor of the model.
  package func entry(of id: TensorID) -> Entry? { entry(named: id.name) }
}
