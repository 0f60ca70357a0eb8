internal import ApusBase

// For tests of counters that no test can live long enough to see wrap.
extension Supervisor {
  /// Makes every slot look as if it had been used that often.
  package mutating func age(generations: UInt32) {
    for index in units.indices { units[index].generation = generations }
    for index in connections.indices { connections[index].generation = generations }
  }
}
