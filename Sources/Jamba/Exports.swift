// The runtime's interface speaks of tokenizers, grammars, files and JSON: who imports it has them.
@_exported import JambaFormat
@_exported import JambaGrammar
@_exported import JambaSystem
@_exported import JambaText
