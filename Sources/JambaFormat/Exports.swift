// Documents of a file are JSON, and errors name what the system said: who imports the format has both.
@_exported import JambaSystem
