import ApusBase
import ApusCore
import ApusManifest

/// What a crash leaves behind, torn, of another version or forged: any bytes of any slot are taken
/// back, and the supervisor goes on from them without a trap.
///
/// An input is the slots one behind the other, each behind its length.
let recordTarget = FuzzTarget(
  name: "record", corpus: [recordOfALife(steps: 1), recordOfALife(steps: 12)],
  words: [[0], [1], [255], [128], [173], [255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 0, 128]],
  outcomes: 2, run: goOn)

private func restoring() -> Supervisor {
  var loader = ManifestLoader()
  let text = """
    {"apus":1,"services":{"web":{"exec":["/web"],"listen":[{"stream":"80"}],"idleStop":"5s",
    "start":"demand"},"db":{"exec":["/db"],"type":"notify","watchdog":"5s","pre":[["/pre"]],
    "post":[["/post"]]},"in":{"exec":["/in"],"accept":true,"maxConnections":3,
    "listen":[{"stream":"79"}]},"once":{"exec":["/once"],"type":"oneshot","needs":["db"],
    "timer":{"every":"60s"}}}}
    """
  loader.add(file: Array("a.json".utf8), bytes: Array(text.utf8))
  return Supervisor(manifest: loader.finish().manifest, mode: .user, seed: 1)
}

private func recordOfALife(steps: Int) -> [UInt8] {
  var supervisor = restoring()
  var effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
  var events: [Event] = [.begin, .bound(listener: 0), .bound(listener: 1)]
  events += [Event](repeating: .tick, count: 12)
  for event in events.prefix(steps) {
    effects.removeAll()
    supervisor.step(event, now: Instant(microseconds: 1_000_000), into: &effects)
  }
  var slots = [[UInt8]](repeating: [], count: supervisor.slotCount)
  var codec = FieldCodec(capacity: Supervisor.slotBytes)
  while let slot = supervisor.writeChanged(into: &codec) {
    slots[slot] = Array(codec.bytes[..<codec.count])
  }
  return slots.flatMap { [UInt8($0.count)] + $0 }
}

private func goOn(_ bytes: [UInt8]) -> FuzzOutcome {
  var supervisor = restoring()
  var codec = FieldCodec(capacity: Supervisor.slotBytes)
  var place = 0
  var torn = 0
  for slot in 0..<supervisor.slotCount {
    let count = place < bytes.count ? min(Int(bytes[place]), bytes.count - place - 1) : 0
    place += 1
    for index in 0..<min(count, Supervisor.slotBytes) { codec.bytes[index] = bytes[place + index] }
    place += count
    if count == 0 { torn += 1 }
    codec.read(min(count, Supervisor.slotBytes))
    // Every other one is still there, with processes that nobody knows.
    let held = HeldResources(
      pid: slot % 2 == 0 ? Int32(slot) + 100 : 0, generation: UInt32(slot), isOpen: slot % 3 == 0)
    _ = supervisor.restore(slot: slot, from: &codec, held: held)
  }
  var effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
  var now = Instant(microseconds: 1_000_000)
  for event in [.begin] + [Event](repeating: .tick, count: 30) {
    effects.removeAll()
    supervisor.step(event, now: now, into: &effects)
    if effects.dropped > 0 { return FuzzOutcome(name: "accepted", broken: "effects did not fit") }
    now = now + .seconds(10)
  }
  while supervisor.writeChanged(into: &codec) != nil {}
  return FuzzOutcome(name: torn == 0 ? "accepted" : "torn")
}
