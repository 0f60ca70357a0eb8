internal import ApusBase
internal import ApusJSON

/// What is legal in one service and surely not meant.
extension Decoder {
  /// Notes a warning about a value, once for all instances of a template.
  @inline(never) mutating func warn(
    _ node: JSONNode, _ text: Literal, _ word: Bytes? = nil, _ more: Literal = ""
  ) {
    if !isAdvised { report(.warning, node, text, word, more) }
  }

  /// Warns of a service's own key that its others make useless or harmful.
  @inline(never) mutating func adviseService(_ slots: Slots) {
    if isAdvised { return }
    let service = draft.service
    advise(
      slots, .idleStop, service.start != .demand,
      "has no effect: only a service that traffic starts is stopped for being idle")
    advise(slots, .trigger, slots[.listen] == nil, "has no effect without \"listen\"")
    advise(slots, .maxConnections, !service.accepts, "has no effect without \"accept\"")
    advise(slots, .maxConnectionsPerSource, !service.accepts, "has no effect without \"accept\"")
    if service.accepts {
      // A process for each connection is all that there is of such a service.
      let keys: InlineArray<5, ServiceKey> = [.pre, .started, .post, .ready, .idleStop]
      for index in keys.indices {
        advise(slots, keys[index], true, "has no effect with \"accept\"")
      }
      advise(
        slots, .stop, draft.stop.exec.count > 0, "the command has no effect with \"accept\"")
    }
    if service.type != .notify, draft.extras.watchdog != .never {
      advise(
        slots, .watchdog, true,
        "ends a service that never sends WATCHDOG=1; one that does has \"type\": \"notify\"")
    }
    let policy = draft.restart.policy
    if service.type == .oneshot, policy == .always || policy == .onSuccess {
      advise(
        slots, slots[.restart] == nil ? .type : .restart, true,
        "a \"oneshot\" that ends well is started again without end")
    }
  }

  @inline(never) private mutating func advise(
    _ slots: Slots, _ key: ServiceKey, _ isUseless: Bool, _ why: Literal
  ) {
    guard isUseless, let site = slots[key] else { return }
    let length = enter(site)
    warn(site.node, why)
    leave(length)
  }

  /// Warns of a template that no instance is made of.
  @inline(never) mutating func adviseTemplate(_ key: Site) {
    open(key.file)
    warn(key.node, "a template without \"instances\" starts nothing")
  }

  /// Warns of `%i` in a service that is no instance.
  @inline(never) mutating func adviseInstance(_ bytes: Bytes, _ node: JSONNode) {
    var index = bytes.place(of: UInt8(ascii: "%"))
    while index + 1 < bytes.count {
      if bytes[index + 1] == UInt8(ascii: "i") {
        return warn(node, "\"%i\" is the instance of a template; here it stays as it is")
      }
      index = bytes.place(of: UInt8(ascii: "%"), from: index + 2)
    }
  }

  /// Warns of a limit that the delays between the starts can never reach.
  @inline(never) mutating func adviseLimit(_ node: JSONNode) {
    let restart = draft.restart
    guard restart.limit.count > 0, restart.limit.window != .never else { return }
    var delay = restart.delay.microseconds
    var total: Int64 = 0
    // What takes more steps than this is not surely wrong.
    for _ in 0..<min(restart.limit.count, 10_000) {
      let (spread, overflow) = delay.multipliedReportingOverflow(by: Int64(restart.jitterPermille))
      let (sum, isEndless) = total.addingReportingOverflow(delay - (overflow ? 0 : spread / 1000))
      if isEndless || sum >= restart.limit.window.microseconds {
        return warn(
          node, "can never be reached: with these delays fewer starts fit into the window")
      }
      total = sum
      let (grown, isLong) = delay.multipliedReportingOverflow(by: Int64(restart.factorPermille))
      delay =
        isLong ? restart.maxDelay.microseconds : min(grown / 1000, restart.maxDelay.microseconds)
    }
  }

  // MARK: Commands

  /// Warns of what a shell would understand: no shell is involved.
  @inline(never) mutating func adviseCommand(_ arguments: Rows<JSONNode>) {
    if isAdvised { return }
    var program: Bytes = Rows()
    var isFind = false
    let expands = isExpanding
    let length = path.count
    for index in arguments.indices {
      var text: Bytes = Rows()
      document.string(arguments[index], into: &text)
      enter(index: index)
      if index == 0 {
        program = text
        adviseProgram(text, arguments[index], isAlone: arguments.count == 1)
      } else if Decoder.isShell(program) {
        leave(length)
        break
      } else {
        if WordList("-exec -execdir -ok -okdir").number(of: text) != nil { isFind = true }
        if Decoder.isShellSyntax(text, expands), !isFind || !text.isSemicolon {
          warn(
            arguments[index], "no shell reads this: ", text,
            "; [\"/bin/sh\", \"-c\", \"...\"] would")
        }
      }
      leave(length)
    }
  }

  /// True when the service that is decoded has `expand`, which is decoded later.
  private var isExpanding: Bool {
    guard let site = gathered[.expand], files.indices.contains(site.file) else {
      return base.service.flags.contains(.expand)
    }
    return files[site.file].document.kind(site.node) == .true
  }

  private mutating func adviseProgram(_ text: Bytes, _ node: JSONNode, isAlone: Bool) {
    guard isAlone, text.place(of: 0x20) < text.count,
      let cure = Decoder.list(of: text, splits: true)
    else { return }
    var message: Bytes = Rows()
    message.append("the whole string is the program's path; write ")
    message.append(contentsOf: cure)
    report(.warning, node, message: message)
  }

  /// True for a program that reads shell syntax in its arguments.
  private static func isShell(_ path: Bytes) -> Bool {
    var start = path.count
    while start > 0, path[start - 1] != UInt8(ascii: "/") { start -= 1 }
    return WordList("sh ash bash dash zsh ksh mksh hush busybox toybox su ssh").number(
      of: path.part(start)) != nil
  }

  /// True for an argument that is an operator of the shell or has an expansion that nobody makes.
  private static func isShellSyntax(_ text: Bytes, _ expands: Bool) -> Bool {
    if WordList("| || & && ; < << > >> 2> 1> 2>> 1>> &> &>> 2>&1 1>&2 >&2 >&1 |&").number(of: text)
      != nil
    {
      return true
    }
    var index = 0
    if let first = text.first, Scalar.digit(first) != nil || first == UInt8(ascii: "&") {
      index = 1
    }
    if text.at(index) == UInt8(ascii: ">") {
      if text.at(index + 1) == UInt8(ascii: ">") { index += 1 }
      let target = text.at(index + 1)
      return target == UInt8(ascii: "/") || target == UInt8(ascii: "&")
    }
    if text.place(of: 0x20) < text.count { return false }
    if text.first == UInt8(ascii: "~") { return text.count == 1 || text[1] == UInt8(ascii: "/") }
    if text.first == UInt8(ascii: "`") { return true }
    let dollar = text.place(of: UInt8(ascii: "$"))
    guard let next = text.at(dollar + 1) else { return false }
    let isName = next >= 0x41 && next <= 0x5a || next == UInt8(ascii: "_")
    return (isName || next == UInt8(ascii: "{")) && !expands || next == UInt8(ascii: "(")
  }
}

extension Rows where Element == UInt8 {
  fileprivate var isSemicolon: Bool { count == 1 && first == UInt8(ascii: ";") }
}
