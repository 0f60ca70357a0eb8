// swift-tools-version: 6.2
import PackageDescription

/// Settings of everything that runs on the device: one source, two modes. Without the trait the
/// targets are ordinary Swift for tests; with it they are Embedded Swift for the static binary.
let device: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded", .when(traits: ["Embedded"])),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  // Crashes on command, for tests only: board/build leaves it out but for --crashing.
  .define("APUS_CRASHES", .when(configuration: .debug)),
  .unsafeFlags(["-Osize"], .when(configuration: .release, traits: ["Embedded"])),
  .unsafeFlags(["-Werror", "EmbeddedRestrictions"]),
  .strictMemorySafety(),
]

/// Without the first of the two inliners, for what runs seldom: an eighth less of it. The second,
/// LLVM's, goes by what a call costs and sees the whole program.
let small: [SwiftSetting] = [
  .unsafeFlags(
    ["-Xllvm", "-sil-disable-pass=inline"],
    .when(configuration: .release, traits: ["Embedded"]))
]

/// Optimised even where the tests are built: thousands of random lives and texts go through these.
/// Checks stay in, and so do the internals that tests look at.
let quick: [SwiftSetting] = [
  .unsafeFlags(["-O"], .when(configuration: .debug))
]

let host: [SwiftSetting] = [
  .enableUpcomingFeature("InternalImportsByDefault")
]

let shim: [CSetting] = [
  .define("_GNU_SOURCE"),
  .define("APUS_CRASHES", .when(configuration: .debug)),
  .unsafeFlags(["-Wall", "-Wextra", "-Werror=implicit", "-ffunction-sections", "-fdata-sections"]),
  .unsafeFlags(["-Os"], .when(configuration: .release)),
  // A third less than ARM code. Swift's packs so much worse as Thumb that the limit would not hold.
  .unsafeFlags(["-mthumb"], .when(traits: ["Thumb"])),
]

func deviceTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: device + small)
}

func pureTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies,
    swiftSettings: device + quick + (name == "ApusBase" || name == "ApusJSON" ? [] : small))
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [])
  -> Target
{
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: host)
}

let package = Package(
  name: "apus",
  products: [
    .executable(name: "apus", targets: ["apus"]),
    .executable(name: "apus-tool", targets: ["apus-tool"]),
  ],
  traits: [
    .trait(name: "Embedded", description: "The static binary: Embedded Swift, no libc++"),
    .trait(name: "Thumb", description: "For ARM, beside Embedded: its C is Thumb code"),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CApus", cSettings: shim),
    .systemLibrary(name: "CCapability"),
    pureTarget("ApusBase", []),
    pureTarget("ApusJSON", ["ApusBase"]),
    pureTarget("ApusManifest", ["ApusBase", "ApusJSON"]),
    pureTarget("ApusWire", ["ApusBase"]),
    pureTarget("ApusCore", ["ApusManifest", "ApusWire", "ApusBase"]),
    deviceTarget(
      "ApusLinux", ["ApusCore", "ApusManifest", "ApusWire", "ApusBase", "CApus", "CCapability"]),
    deviceTarget("ApusCommand", ["ApusManifest", "ApusJSON", "ApusWire", "ApusBase", "CApus"]),
    .executableTarget(
      name: "apus", dependencies: ["ApusLinux", "ApusCommand", "CApus"], swiftSettings: device),
    // Of the development machine, not of the board: full Swift, Foundation.
    .target(
      name: "ApusTool", dependencies: ["ApusManifest", "ApusBase", "CApus"],
      swiftSettings: host),
    .executableTarget(
      name: "apus-tool",
      dependencies: [
        "ApusTool", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: host),
    pureTarget("ApusSimulation", ["ApusCore", "ApusManifest", "ApusWire", "ApusBase"]),
    // A program of C, so the linker has to be told that its Swift is Embedded.
    .executableTarget(
      name: "trace", dependencies: ["ApusSimulation"], path: "Tests/Trace",
      linkerSettings: [
        .unsafeFlags(
          ["-enable-experimental-feature", "Embedded"], .when(traits: ["Embedded"]))
      ]),
    tests("CApusTests", ["CApus", "ApusWire", "ApusBase", "TestSockets"]),
    .executableTarget(name: "probe", path: "Tests/Probe", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "TestSockets", path: "Tests/TestSockets", swiftSettings: host),
    tests("SupervisorTests", ["apus", "probe", "TestSockets", "ApusTool", "ApusWire", "ApusBase"]),
    tests("GateTests", []),
    tests(
      "ApusToolTests", ["ApusTool", "ApusManifest", "ApusBase", "CApus"],
      resources: [.copy("Corpus"), .copy("Boot")]),
    tests("ApusBaseTests", ["ApusBase"]),
    tests(
      "ApusLinuxTests",
      [
        "ApusLinux", "ApusCore", "ApusManifest", "ApusBase", "CApus", "CCapability", "TestSockets",
      ]),
    tests(
      "ApusManifestTests", ["ApusManifest", "ApusJSON", "ApusBase"], resources: [.copy("Golden")]),
    tests("ApusJSONTests", ["ApusJSON", "ApusBase"]),
    tests(
      "FuzzTests",
      ["ApusLinux", "ApusCore", "ApusManifest", "ApusWire", "ApusJSON", "ApusBase"]),
    tests("ApusWireTests", ["ApusWire", "ApusBase"]),
    tests(
      "ApusCommandTests",
      ["ApusCommand", "ApusManifest", "ApusJSON", "ApusWire", "ApusBase", "TestSockets"]),
    tests(
      "ApusCoreTests", ["ApusSimulation", "ApusCore", "ApusManifest", "ApusWire", "ApusBase"],
      resources: [.copy("Golden")]),
    tests(
      "SoakTests", ["ApusSimulation", "ApusCore", "ApusManifest", "ApusWire", "ApusBase"]),
    tests(
      "SimulationTests", ["ApusSimulation", "ApusCore", "ApusManifest", "ApusWire", "ApusBase"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
