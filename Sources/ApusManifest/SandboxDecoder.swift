internal import ApusBase
internal import ApusJSON

/// Members of `sandbox` with a grammar of their own.
extension Decoder {
  /// `"default"`, or a list of system call names and @groups.
  mutating func filter(_ node: JSONNode) -> Int64? {
    if document.kind(node) == .string { return word(node, WordList("default")).map { _ in -1 } }
    let names = list(node, .systemCall)
    // An empty list is a filter, too.
    return Record.pack(names.count == 0 ? TableRange(start: 1, count: 0) : names)
  }

  /// Address families by their names, as the bits of their AF_* numbers; bit 0 says that there is a list.
  mutating func families(_ node: JSONNode) -> Int64? {
    let words = WordList(
      """
      unspec unix inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose decnet netbeui security key \
      netlink packet ash econet atmsvc rds sna irda pppox wanpipe llc ib mpls can tipc bluetooth iucv \
      rxrpc isdn phonet ieee802154 caif alg nfc vsock kcm qipcrtr smc xdp mctp
      """)
    var bits: Int64 = 1
    var cursor = array(node)
    while let element = element(&cursor) {
      if let number = word(element, words) { bits |= 1 << Int64(number) }
    }
    return bits
  }

  /// Paths below /dev; an empty list leaves only the harmless devices.
  mutating func devices(_ node: JSONNode) -> Int64? {
    let list = list(node, .path)
    for index in list.indices {
      guard let text = tables.texts.at(index) else { continue }
      let bytes = strings.bytes(of: text)
      if !bytes.starts(with: "/dev/") { error(node, "expected paths below /dev, found ", bytes) }
    }
    return Record.pack(list.count == 0 ? TableRange(start: 1, count: 0) : list)
  }
}
