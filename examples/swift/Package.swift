// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "chat-example",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "jamba-edge", path: "../..")],
  targets: [
    .executableTarget(name: "chat", dependencies: [.product(name: "Jamba", package: "jamba-edge")])
  ]
)
