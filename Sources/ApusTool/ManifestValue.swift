/// A value of a manifest that is being made; objects keep the order in which they were filled.
public indirect enum ManifestValue: Equatable, Sendable {
  /// A string.
  case text(String)
  /// A whole number.
  case number(Int)
  /// `true` or `false`.
  case flag(Bool)
  /// An array.
  case list([ManifestValue])
  /// An object.
  case map(ManifestObject)

  static func texts(_ words: [String]) -> ManifestValue { .list(words.map { .text($0) }) }

  /// An object of these members, in this order.
  static func object(_ members: (String, ManifestValue)...) -> ManifestValue {
    .map(ManifestObject(members.map { ManifestMember(name: $0.0, value: $0.1) }))
  }

  var asMap: ManifestObject? { if case .map(let object) = self { object } else { nil } }
  var asList: [ManifestValue]? { if case .list(let list) = self { list } else { nil } }
  var asText: String? { if case .text(let text) = self { text } else { nil } }

  /// The strings of an array, without what is none.
  var strings: [String] { asList?.compactMap(\.asText) ?? [] }
}

/// One member of an object.
public struct ManifestMember: Equatable, Sendable {
  /// The key.
  public var name: String
  /// What it has.
  public var value: ManifestValue
}

/// An object in the order of its members.
public struct ManifestObject: Equatable, Sendable {
  /// The members.
  public var members: [ManifestMember] = []

  /// An object of these members.
  public init(_ members: [ManifestMember] = []) { self.members = members }

  /// The value of a key; nil where there is none, and to remove it.
  public subscript(name: String) -> ManifestValue? {
    get { members.first { $0.name == name }?.value }
    set {
      let place = members.firstIndex { $0.name == name }
      switch (place, newValue) {
      case (let place?, let value?): members[place].value = value
      case (let place?, nil): members.remove(at: place)
      case (nil, let value?): members.append(ManifestMember(name: name, value: value))
      case (nil, nil): break
      }
    }
  }

  /// The value at a path of keys, made where it is missing.
  subscript(path: [String]) -> ManifestValue? {
    get {
      guard let first = path.first else { return .map(self) }
      if path.count == 1 { return self[first] }
      return self[first]?.asMap?[Array(path.dropFirst())]
    }
    set {
      guard let first = path.first else { return }
      if path.count == 1 {
        self[first] = newValue
        return
      }
      var inner = self[first]?.asMap ?? ManifestObject()
      inner[Array(path.dropFirst())] = newValue
      self[first] = inner.members.isEmpty ? nil : .map(inner)
    }
  }
}

/// One step of a path into a value: a key or a place in an array.
enum ManifestStep: Equatable {
  case key(String)
  case index(Int)
}

extension ManifestValue {
  /// What is at a path; nil where there is nothing.
  func at(_ path: ArraySlice<ManifestStep>) -> ManifestValue? {
    guard let step = path.first else { return self }
    switch (self, step) {
    case (.map(let object), .key(let key)): return object[key]?.at(path.dropFirst())
    case (.list(let list), .index(let index)):
      return list.indices.contains(index) ? list[index].at(path.dropFirst()) : nil
    default: return nil
    }
  }

  /// True for a list or an object without anything in it.
  var isEmpty: Bool { asList?.isEmpty ?? asMap?.members.isEmpty ?? false }

  /// Removes what is at a path, or as much of it as there is; false where nothing was found.
  mutating func remove(_ path: ArraySlice<ManifestStep>) -> Bool {
    guard let step = path.first else { return false }
    let rest = path.dropFirst()
    switch (self, step) {
    case (.map(var object), .key(let key)):
      guard var inner = object[key] else { return false }
      let isRemoved = !rest.isEmpty && inner.remove(rest)
      object[key] = isRemoved && !inner.isEmpty ? inner : nil
      self = .map(object)
      return true
    case (.list(var list), .index(let index)):
      guard list.indices.contains(index) else { return false }
      if rest.isEmpty || !list[index].remove(rest) { list.remove(at: index) }
      self = .list(list)
      return true
    default: return false
    }
  }
}
