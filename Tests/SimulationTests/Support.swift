import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import ApusWire
import Testing

/// A simulation of a manifest that is built in place.
func simulate(
  seed: UInt64 = 1, mode: SupervisorMode = .system, traceLimit: Int = 1 << 16,
  _ build: (inout ManifestBuilder) -> Void
) -> Simulation {
  var builder = ManifestBuilder()
  build(&builder)
  return Simulation(builder.manifest, seed: seed, mode: mode, traceLimit: traceLimit)
}

/// A simulation of services written as people write them.
func simulate(services: String) throws -> Simulation {
  var loader = ManifestLoader()
  loader.add(
    file: Array("test.json".utf8), bytes: Array("{\"apus\":1,\"services\":{\(services)}}".utf8))
  let loaded = loader.finish()
  #expect(loaded.diagnostics.filter { $0.severity == .error }.isEmpty)
  return Simulation(loaded.manifest)
}

extension Simulation {
  func state(_ service: ServiceIndex) -> ServiceState { supervisor.state(of: service) }

  func reason(_ service: ServiceIndex) -> Reason {
    supervisor.report(service: service)?.reason ?? .none
  }

  func starts(_ service: ServiceIndex) -> Int { world.services[service].starts.count }

  /// Every service does what the script says, for ever.
  func always(_ script: Script) { world.behaviour = { _, _, _ in script } }

  /// From the end of each run to the next attempt, in microseconds.
  func pauses(_ service: ServiceIndex) -> [Int64] {
    let facts = world.services[service]
    return zip(facts.ends, facts.starts.dropFirst()).map { ($1 - $0).microseconds }
  }
}

extension Interval {
  static func minutes(_ value: Int64) -> Interval { .seconds(60 * value) }
  static func hours(_ value: Int64) -> Interval { .seconds(3600 * value) }
  static func days(_ value: Int64) -> Interval { .seconds(86_400 * value) }
}

/// The delays that a restart policy declares, without jitter.
func curve(_ restart: Restart, count: Int) -> [Int64] {
  var delay = restart.delay.microseconds
  var delays: [Int64] = []
  for _ in 0..<count {
    delays.append(min(delay, restart.maxDelay.microseconds))
    delay = min(delay * Int64(restart.factorPermille) / 1000, restart.maxDelay.microseconds)
  }
  return delays
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A number from the environment.
func setting(_ name: String) -> Int? {
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe Int(String(cString: value))
}
