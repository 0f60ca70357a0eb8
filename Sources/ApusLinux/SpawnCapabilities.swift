internal import ApusBase
internal import ApusCore
internal import ApusManifest
internal import CCapability

/// What the `capabilities` key comes to.
enum CapabilityChoice {
  /// Not given.
  case standard
  case sets(CapabilitySets)
  /// A name nobody knows, or no IAB text.
  case unknown
}

/// Turns the `capabilities` key into sets, with libcap's IAB syntax for the text form.
///
/// The list form means exactly these in all five sets. IAB text (cap_iab(3)) says what stays over
/// execve(2), as cap_iab_set_proc(3) does: its I vector becomes the inheritable set, its A vector
/// the ambient set, and what its B vector names is dropped from the bounding set. Permitted and
/// effective before execve(2) are the ambient ones for everybody but root, whose execve(2) gives
/// what the bounding set still holds.
func capabilitySets(_ credentials: Credentials, of manifest: Manifest) -> CapabilityChoice {
  switch credentials.capabilityForm {
  case .standard: return .standard
  case .list:
    var bits: UInt64 = 0
    for index in credentials.capabilities.indices {
      let name = manifest.bytes(manifest.texts.at(index) ?? .none)
      guard let number = Manifest.capability(named: name) else { return .unknown }
      bits |= 1 << UInt64(number)
    }
    return .sets(.exactly(bits))
  case .text:
    let text = manifest.texts.at(Int(credentials.capabilities.start)) ?? .none
    return capabilitySets(text: manifest.bytes(text))
  }
}

private func capabilitySets(text: Bytes) -> CapabilityChoice {
  let parsed = unsafe text.terminated.withCPath { unsafe cap_iab_from_text($0) }
  guard let parsed = unsafe parsed else { return .unknown }
  var sets = CapabilitySets(permitted: 0, inheritable: 0, ambient: 0, dropped: 0)
  for capability in 0..<cap_max_bits() where capability < 64 {
    let bit: UInt64 = 1 << UInt64(capability)
    if unsafe cap_iab_get_vector(parsed, CAP_IAB_INH, capability) == CAP_SET {
      sets.inheritable |= bit
    }
    if unsafe cap_iab_get_vector(parsed, CAP_IAB_AMB, capability) == CAP_SET {
      sets.ambient |= bit
    }
    if unsafe cap_iab_get_vector(parsed, CAP_IAB_BOUND, capability) == CAP_SET {
      sets.dropped |= bit
    }
  }
  sets.permitted = sets.ambient
  _ = unsafe cap_free(UnsafeMutableRawPointer(parsed))
  return .sets(sets)
}
