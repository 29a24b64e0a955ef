// swift-tools-version: 6.2
import PackageDescription

// Libraries import no Foundation: a static, stripped library stays a few megabytes.
let library: [SwiftSetting] = [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]

// What `tools/fuzz --guided` builds leaves out the server: its dependencies would be most of a build that no other can use.
let isGuided = Context.environment["JAMBA_GUIDED"] != nil

let package = Package(
  name: "jamba-edge",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Jamba", targets: ["Jamba"]),
    .library(name: "JambaConvert", targets: ["JambaConvert"]),
    .library(name: "JambaC", type: .dynamic, targets: ["JambaC"]),
    .library(name: "JambaServer", targets: ["JambaServer"]),
    .executable(name: "jamba", targets: ["JambaCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    // The server alone. Without its traits it leaves out the configuration library and the whole of Foundation.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    // What its interface speaks of.
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.0.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CZstd", path: "CSupport/CZstd",
      providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .target(name: "CChecksum", path: "CSupport/CChecksum"),
    .target(name: "CStorage", path: "CSupport/CStorage"),
    .target(name: "CKernels", dependencies: ["CStorage"], path: "CSupport/CKernels"),
    // Its texts are written over the kernels' vectors, which are no part of their interface.
    .target(
      name: "CQuantizers", dependencies: ["CKernels", "CStorage"], path: "CSupport/CQuantizers",
      cSettings: [.headerSearchPath("../CKernels")]),
    .target(name: "CKaTeX", path: "CSupport/CKaTeX", exclude: ["LICENSE", "katex.min.js"]),
    .target(name: "CJamba", path: "CSupport/CJamba", exclude: ["exports.map"]),
    .target(name: "CAllocator", path: "CSupport/CAllocator"),
    .target(name: "CLineEditor", path: "CSupport/CLineEditor", linkerSettings: [.linkedLibrary("edit")]),
    .target(name: "JambaSystem", swiftSettings: library),
    .target(name: "JambaFormat", dependencies: ["JambaSystem", "CZstd", "CChecksum", "CStorage"], swiftSettings: library),
    .target(name: "JambaTemplate", dependencies: ["JambaSystem"], swiftSettings: library),
    .target(name: "JambaText", dependencies: ["JambaSystem"], swiftSettings: library),
    .target(name: "JambaGrammar", dependencies: ["JambaSystem", "JambaText"], swiftSettings: library),
    .target(
      name: "JambaConvert",
      dependencies: ["JambaSystem", "JambaFormat", "JambaTemplate", "JambaText", "CKernels", "CQuantizers"],
      swiftSettings: library),
    .target(
      name: "Jamba",
      dependencies: ["JambaSystem", "JambaFormat", "JambaTemplate", "JambaText", "JambaGrammar", "CKernels"],
      swiftSettings: library),
    .target(name: "JambaEvaluation", dependencies: ["Jamba", "JambaFormat", "JambaSystem"], swiftSettings: library),
    .target(
      name: "JambaServer",
      dependencies: [
        "CKaTeX", "Jamba", "JambaGrammar", "JambaSystem", "JambaText", .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      resources: [.embedInCode("Page"), .embedInCode("API/schemas.json")], swiftSettings: [.strictMemorySafety()]),
    .target(
      name: "JambaC", dependencies: ["CJamba", "Jamba", "JambaFormat", "JambaGrammar", "JambaSystem", "JambaText"],
      swiftSettings: library),
    .executableTarget(
      name: "JambaCLI",
      dependencies: [
        "CAllocator", "CLineEditor", "Jamba", "JambaConvert", "JambaEvaluation", "JambaFormat", "JambaGrammar",
        "JambaServer", "JambaSystem", "JambaTemplate", "JambaText",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "make-model",
      dependencies: [
        "JambaConvert", "JambaFormat", "JambaSystem",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "tools/measure/make-model", exclude: ["mini.json"]),
    .executableTarget(
      name: "measure-sessions",
      dependencies: [
        "CJamba", "Jamba", "JambaC", "JambaSystem",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "tools/measure/sessions"),
    .executableTarget(
      name: "measure-masks",
      dependencies: [
        "JambaGrammar", "JambaSystem", "JambaText",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "tools/measure/masks"),
    .executableTarget(
      name: "walk-grammar",
      dependencies: [
        "JambaGrammar", "JambaSystem", "JambaText",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "tools/check/walk-grammar"),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Jamba", "JambaConvert", "JambaFormat", "JambaGrammar", "JambaSystem", "JambaTemplate", "JambaText", "TestSupport",
      ]
        + (isGuided
          ? []
          : [
            "JambaServer", .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
          ]), path: "Tests/Fuzz/Targets", exclude: isGuided ? ["HTTPTarget.swift", "RequestTarget.swift"] : []),
    .executableTarget(
      name: "fuzz", dependencies: ["FuzzTargets", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "tools/check/fuzz"),
    .testTarget(name: "FuzzTests", dependencies: ["fuzz", "FuzzTargets"]),
    .target(
      name: "TestSupport", dependencies: ["JambaConvert", "JambaFormat", "JambaSystem"], path: "Tests/TestSupport"),
    .testTarget(name: "KernelTests", dependencies: ["CKernels", "CQuantizers", "CStorage", "JambaSystem"]),
    .testTarget(name: "JambaSystemTests", dependencies: ["JambaSystem"]),
    .testTarget(name: "JambaFormatTests", dependencies: ["JambaFormat", "JambaSystem", "CStorage", "TestSupport"]),
    .testTarget(name: "JambaTemplateTests", dependencies: ["JambaTemplate", "JambaSystem"], exclude: ["Fixtures"]),
    .testTarget(name: "TokenizerTests", dependencies: ["JambaText", "JambaSystem"], exclude: ["Fixtures"]),
    .testTarget(
      name: "JambaConvertTests", dependencies: ["JambaConvert", "JambaFormat", "JambaSystem", "JambaText", "TestSupport"]),
    .testTarget(
      name: "JambaTests",
      dependencies: ["Jamba", "JambaConvert", "JambaEvaluation", "JambaFormat", "JambaSystem", "TestSupport"]),
    .testTarget(
      name: "JambaEvaluationTests", dependencies: ["JambaEvaluation", "Jamba", "JambaConvert", "JambaSystem", "TestSupport"]),
    .testTarget(
      name: "ChatTests",
      dependencies: ["Jamba", "JambaConvert", "JambaFormat", "JambaGrammar", "JambaSystem", "JambaText", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "JambaServerTests",
      dependencies: [
        "JambaServer", "Jamba", "JambaConvert", "JambaSystem", "TestSupport", .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ]),
    .testTarget(
      name: "JambaCLITests", dependencies: ["JambaCLI", "JambaFormat", "JambaSystem", "TestSupport"], exclude: ["Fixtures"]),
  ]
)
