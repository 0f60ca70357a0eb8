public import ApusBase
internal import ApusJSON
internal import ApusManifest

/// The manifest of `apus run -- PROGRAM ARG…`: one service, with whose exit code apus ends.
///
/// It gets what a container's program expects: the environment, the directory and the standard
/// streams of apus, and it is not started again. `environment` has entries as in environ(7), together
/// at most 64 KiB; the first of a name counts, and one without a name is left out. A PROGRAM without
/// a slash is looked up in PATH.
public func programManifest(_ words: Rows<Bytes>, environment: Rows<Bytes>) -> Bytes {
  var size = 512
  for word in words { size += 6 * word.count + 8 }
  for entry in environment { size += 6 * entry.count + 8 }
  var json = JSONWriter(capacity: size)
  json.output.text(
    """
    {"apus":1,"services":{"main":{"main":true,"restart":"no","stdin":"inherit","stdout":"inherit",\
    "stderr":"inherit","workingDirectory":"/proc/self/cwd","environment":
    """)
  json.beginObject()
  var names: Rows<Bytes> = Rows()
  for entry in environment {
    var name: Bytes = Rows()
    for byte in entry {
      if byte <= 0x20 || byte == 0x7f || byte == UInt8(ascii: "=") { break }
      name.push(byte)
    }
    let isNamed = !name.isEmpty && entry.at(name.count) == UInt8(ascii: "=")
    guard isNamed, !names.contains(where: { $0.same(as: name) }) else { continue }
    json.key(name)
    json.string(entry, name.count + 1..<entry.count)
    names.push(name)
  }
  json.endObject()
  json.key("exec")
  json.beginArray()
  for index in words.indices { json.string(index == 0 ? located(words[0]) : words[index]) }
  json.endArray()
  json.output.text("}}}")
  return json.output.bytes
}

/// The absolute path of a program, as execvp(3) finds it; where nothing is found, one that says so.
private func located(_ program: Bytes) -> Bytes {
  var place: Bytes = Rows()
  if program.at(0) == UInt8(ascii: "/") { return program }
  if program.contains(UInt8(ascii: "/")) {
    place = Bytes("/proc/self/cwd/")
    place.append(contentsOf: program)
    return place
  }
  var path = Context.variable("PATH") ?? Rows()
  path.push(UInt8(ascii: ":"))
  for byte in path {
    guard byte == UInt8(ascii: ":") else {
      place.push(byte)
      continue
    }
    place.push(UInt8(ascii: "/"))
    place.append(contentsOf: program)
    if let found = Files.ownership(of: place), found.mode & 0o111 != 0 { return place }
    place = Rows()
  }
  place = Bytes("/usr/bin/")
  place.append(contentsOf: program)
  return place
}
