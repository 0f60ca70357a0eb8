/// A few values by their keys, in the order of their coming.
///
/// Not a dictionary: that hashes with a seed of its own each run, and on the device its code is not
/// there.
public struct Pairs<Key: Equatable & Sendable, Value: Sendable>: Sendable {
  private var keys: [Key] = []
  private var values: [Value] = []

  /// No values.
  public init() {}

  /// The values.
  var all: [Value] { values }

  /// The value of a key; nil for none, which takes it away.
  public subscript(key: Key) -> Value? {
    get { keys.firstIndex(of: key).map { values[$0] } }
    set {
      let place = keys.firstIndex(of: key)
      switch (place, newValue) {
      case (let place?, let value?): values[place] = value
      case (let place?, nil):
        keys.remove(at: place)
        values.remove(at: place)
      case (nil, let value?):
        keys.append(key)
        values.append(value)
      case (nil, nil): break
      }
    }
  }
}
