import ApusBase
import ApusCore
import ApusManifest
import ApusSimulation
import Testing

@Suite struct RecordTests {
  private func supervisor() -> Supervisor {
    var builder = ManifestBuilder()
    builder.service("plain") { _ in }
    builder.service("socket") { $0.listen(1) }
    builder.service("accept") { draft in
      draft.listen(1)
      draft.accept(max: 2, perSource: 0)
    }
    return Supervisor(manifest: builder.manifest, mode: .user, seed: 1)
  }

  private func restored(_ slots: [[UInt8]]) -> Supervisor {
    var supervisor = supervisor()
    var codec = FieldCodec(capacity: Supervisor.slotBytes)
    for slot in 0..<supervisor.slotCount {
      for (index, byte) in slots[slot].enumerated() { codec.bytes[index] = byte }
      codec.read(slots[slot].count)
      _ = supervisor.restore(slot: slot, from: &codec, held: HeldResources(isOpen: true))
    }
    return supervisor
  }

  private func written(_ supervisor: inout Supervisor) -> [[UInt8]] {
    var slots = [[UInt8]](repeating: [], count: supervisor.slotCount)
    var codec = FieldCodec(capacity: Supervisor.slotBytes)
    while let slot = supervisor.writeChanged(into: &codec) {
      slots[slot] = Array(codec.bytes[..<codec.count])
    }
    return slots
  }

  @Test("what is written comes back, and every slot is written at first")
  func roundTrip() {
    var first = supervisor()
    let slots = written(&first)
    #expect(slots.allSatisfy { !$0.isEmpty && $0.count < Supervisor.slotBytes - 8 })
    var codec = FieldCodec(capacity: Supervisor.slotBytes)
    let rest = first.writeChanged(into: &codec)
    #expect(rest == nil)
    var second = restored(slots)
    #expect(written(&second) == slots)
  }

  @Test("a main process that the supervisor had not been told of is taken over, no other life is")
  func adoptedUntold() {
    var first = supervisor()
    var effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
    for event in [.begin, .bound(listener: 0), .bound(listener: 1), .tick, .tick] as [Event] {
      effects.removeAll()
      first.step(event, now: Instant(microseconds: 1_000_000), into: &effects)
    }
    guard let id = first.report(service: 0)?.instance else { return }
    first.step(.spawned(id, pid: 7), now: Instant(microseconds: 1_000_000), into: &effects)
    first.step(.executed(id), now: Instant(microseconds: 1_000_000), into: &effects)
    #expect(first.state(of: 0) == .ready)
    let slot = written(&first)[0]
    for (ahead, isTaken) in [(UInt32(0), true), (1, true), (2, false)] {
      var second = supervisor()
      var codec = FieldCodec(capacity: Supervisor.slotBytes)
      for (index, byte) in slot.enumerated() { codec.bytes[index] = byte }
      codec.read(slot.count)
      let held = HeldResources(pid: 9, generation: id.generation &+ ahead)
      let taken = second.restore(slot: 0, from: &codec, held: held)
      #expect(taken == isTaken)
      #expect(second.report(service: 0)?.pid == (isTaken ? 9 : 0))
      #expect(
        second.report(service: 0)?.instance.generation == id.generation &+ (isTaken ? ahead : 0))
    }
  }

  @Test("any byte and any length of any slot can be read, and is stepped without a trap")
  func anything() {
    var first = supervisor()
    let slots = written(&first)
    var effects = EffectBuffer(capacity: Supervisor.effectsPerStep)
    for slot in slots.indices {
      for index in slots[slot].indices {
        for value in [0, 1, 127, 128, 255] as [UInt8] {
          var changed = slots
          changed[slot][index] = value
          step(restored(changed), &effects)
        }
        var cut = slots
        cut[slot] = Array(slots[slot][..<index])
        step(restored(cut), &effects)
      }
      var noise = slots
      for index in noise[slot].indices { noise[slot][index] = 255 }
      step(restored(noise), &effects)
    }
  }

  private func step(_ supervisor: consuming Supervisor, _ effects: inout EffectBuffer) {
    var now = Instant(microseconds: 1_000_000)
    for event in [.begin, .tick, .tick] as [Event] {
      effects.removeAll()
      supervisor.step(event, now: now, into: &effects)
      now = now + .seconds(60)
    }
  }
}
