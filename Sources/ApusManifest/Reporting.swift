internal import ApusBase
internal import ApusJSON

/// Diagnostics about values: where they stand and what they say.
extension Decoder {
  /// Notes an error about a value.
  @inline(never) mutating func error(_ node: JSONNode, _ text: Literal) {
    report(.error, node, text)
  }

  /// Notes an error about a value: a text and a word of the manifest.
  @inline(never) mutating func error(_ node: JSONNode, _ text: Literal, _ word: Bytes) {
    report(.error, node, text, word)
  }

  /// Notes an error about a value: a text, a word of the manifest, more text, and a hint.
  @inline(never) mutating func error(
    _ node: JSONNode, _ text: Literal, _ word: Bytes?, _ more: Literal = "",
    hint: Bytes? = nil
  ) {
    report(.error, node, text, word, more, hint: hint)
  }

  /// Notes a diagnostic about a value at the current path.
  @inline(never) mutating func report(
    _ severity: Severity, _ node: JSONNode, _ text: Literal, _ word: Bytes? = nil,
    _ more: Literal = "", hint: Bytes? = nil
  ) {
    if reports.count(unlessShown: severity) { return }
    var message: Bytes = Rows()
    message.append(text)
    if let word {
      message.append("\"")
      message.append(printable: word)
      message.append("\"")
    }
    message.append(more)
    if let hint {
      message.append("; did you mean \"")
      message.append(printable: hint)
      message.append("\"?")
    }
    report(severity, node, message: message)
  }

  /// Notes a diagnostic with a composed message.
  @inline(never) mutating func report(_ severity: Severity, _ node: JSONNode, message: Bytes) {
    report(severity, at: document.offset(node), message)
  }

  @inline(never) private mutating func report(
    _ severity: Severity, at offset: Int, _ message: Bytes
  ) {
    guard files.indices.contains(file) else { return }
    let place = locate(offset, in: file)
    reports.add(
      Diagnostic(
        file: files[file].name, line: place.line, column: place.column, path: Rows(own: path),
        severity: severity, message: message, service: subject),
      file: files[file].number)
  }

  /// Line and column of an offset in a file.
  @inline(never) private mutating func locate(_ offset: Int, in file: Int) -> SourcePosition {
    guard files.indices.contains(file) else { return SourcePosition(line: 1, column: 1) }
    while lineTables.count < files.count { lineTables.append(LineTable()) }
    let bytes = files[file].document.bytes
    if !bytes.isEmpty, lineTables[file].isEmpty { lineTables[file] = LineTable(bytes) }
    return lineTables[file].locate(offset, in: bytes)
  }

  /// Where each service is defined.
  @inline(never) mutating func servicePlaces() -> Rows<ServicePlace> {
    var places: Rows<ServicePlace> = Rows()
    for site in serviceSites {
      let offset = files.at(site.file)?.document.offset(site.node) ?? 0
      let place = locate(offset, in: site.file)
      places.append(
        ServicePlace(
          file: files.at(site.file)?.name ?? Rows(), line: place.line, column: place.column))
    }
    return places
  }

  /// Appends `file:line:column` of another place to a message.
  @inline(never) mutating func append(_ site: Site, to message: inout Bytes) {
    let offset = files.at(site.file)?.document.offset(site.node) ?? 0
    append(locate(offset, in: site.file), of: site.file, to: &message)
  }

  @inline(never) private func append(
    _ place: SourcePosition, of file: Int, to message: inout Bytes
  ) {
    if files.indices.contains(file) { message.append(contentsOf: files[file].name) }
    message.append(":")
    message.append(decimal: UInt64(place.line))
    message.append(":")
    message.append(decimal: UInt64(place.column))
  }

  // MARK: What the parser let pass

  /// True for the second key of a name in an object, which is noted with both places.
  @inline(never) mutating func isRepeated(_ key: JSONNode) -> Bool {
    let offset = document.offset(key)
    for duplicate in document.duplicates where duplicate.offset == offset {
      report(duplicate)
      return true
    }
    return false
  }

  /// True for an object of more members than it may have, which is noted and not looked at; how many
  /// services there may be is a limit of its own.
  @inline(never) mutating func refusesMembers(of node: JSONNode) -> Bool {
    let offset = document.offset(node)
    for error in document.duplicates where error.offset == offset && error.code == .tooManyMembers {
      if servicesOffsets.at(file) == offset { return false }
      report(error)
      return true
    }
    return false
  }

  @inline(never) private mutating func report(_ duplicate: JSONError) {
    if reports.count(unlessShown: .error) { return }
    let place = UInt64(max(file, 0)) << 32 | UInt64(duplicate.offset)
    for noted in repeated where noted == place { return }
    repeated.add(place)
    var message: Bytes = Rows()
    if duplicate.code == .tooManyMembers {
      var text = ByteWriter(capacity: 64)
      duplicate.write(to: &text)
      message.append(contentsOf: text.bytes)
    } else {
      message.append("duplicate key, first at ")
      append(locate(duplicate.first ?? 0, in: file), of: file, to: &message)
    }
    report(.error, at: duplicate.offset, message)
  }

  /// Notes the duplicate keys and the objects of too many members in what nothing else looks at, as in
  /// `x-` extensions.
  @inline(never) mutating func reportOtherDuplicates() {
    path = Rows()
    for index in files.indices {
      open(index)
      for duplicate in document.duplicates
      where duplicate.code == .duplicateKey || duplicate.offset != servicesOffsets.at(index) {
        report(duplicate)
      }
    }
  }
}
