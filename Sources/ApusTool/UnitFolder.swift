import Foundation

/// Where units are: beside the files that were named, and where systemd has them in the image.
final class UnitFolder {
  private let root: ImportRoot
  private var folders: [String] = []

  init(root: ImportRoot) {
    self.root = root
    if root.isGiven {
      let places = [
        "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system", "/lib/systemd/system",
      ]
      for place in places.compactMap(root.find) where !folders.contains(place) {
        folders.append(place)
      }
    }
  }

  /// Also looks in a folder, before those of the image.
  func add(_ folder: String) {
    if !folders.contains(folder) { folders.insert(folder, at: 0) }
  }

  private func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty ? name : "\(folder)/\(name)"
  }

  /// A unit with its drop-ins, from a file.
  func load(_ path: String) -> Unit? {
    guard let text = ImportRoot.read(path) else { return nil }
    let unit = Unit(name: (path as NSString).lastPathComponent)
    unit.read(text, file: path)
    addDropIns(to: unit)
    return unit
  }

  /// A unit by its name, where there is one; an instance is its template's.
  func find(_ name: String) -> Unit? {
    for folder in folders {
      let path = join(folder, name)
      if ImportRoot.read(path) != nil { return load(path) }
    }
    return nil
  }

  /// Adds `NAME.d/*.conf` of all folders, by the name of the file; the first folder's file of a
  /// name hides the others'.
  func addDropIns(to unit: Unit) {
    var names = [unit.name]
    if unit.instance.map({ !$0.isEmpty }) == true { names.append("\(unit.prefix)@.\(unit.kind)") }
    var files: [String: String] = [:]
    for folder in folders {
      for name in names {
        let place = join(folder, "\(name).d")
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        for entry in entries where entry.hasSuffix(".conf") && files[entry] == nil {
          files[entry] = "\(place)/\(entry)"
        }
      }
    }
    for (_, path) in files.sorted(by: { $0.key < $1.key }) {
      if let text = ImportRoot.read(path) { unit.read(text, file: path) }
    }
  }

  /// True where a folder like `multi-user.target.wants` names the unit.
  func isWanted(_ name: String) -> Bool {
    folders.contains { folder in
      ["multi-user", "default", "graphical", "sysinit", "basic", "local-fs", "network", "getty"]
        .contains { target in
          ["wants", "requires"].contains { kind in
            let path = join(folder, "\(target).target.\(kind)/\(name)")
            return (try? FileManager.default.attributesOfItem(atPath: path)) != nil
          }
        }
    }
  }

  /// Instances of a template that such folders name.
  func instances(of unit: Unit) -> [String] {
    var found: [String] = []
    for folder in folders {
      let place = folder.isEmpty ? "." : folder
      let entries = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
      for entry in entries.sorted() where entry.hasSuffix(".wants") {
        let names =
          (try? FileManager.default.contentsOfDirectory(atPath: join(folder, entry))) ?? []
        for name in names.sorted() {
          let other = Unit(name: name)
          if other.prefix == unit.prefix, other.kind == unit.kind, let instance = other.instance,
            !instance.isEmpty, !found.contains(instance)
          {
            found.append(instance)
          }
        }
      }
    }
    return found
  }
}
