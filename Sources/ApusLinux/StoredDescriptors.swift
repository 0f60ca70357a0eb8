internal import CApus

/// Walks over the descriptors that a service has parked, in the order in which they came.
@safe struct StoredDescriptors {
  private let service: UInt32
  private var at: UInt32 = 0
  private(set) var fd: Int32 = -1
  private(set) var name: UnsafePointer<UInt8>?
  private(set) var count = 0

  /// Before the first one of a service; of -1 there are none.
  init(of service: Int32) { self.service = UInt32(bitPattern: service) }

  /// Goes to the next one.
  mutating func next() -> Bool {
    if service == .max { return false }
    fd = unsafe capus_store_next(service, &at, &name, &count)
    return fd >= 0
  }
}
