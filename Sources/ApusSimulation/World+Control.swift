internal import ApusBase
public import ApusCore
public import ApusManifest
internal import ApusWire

extension World {
  /// A control client asks; says where the answer will stand in `requests`.
  @discardableResult
  public func request(
    _ action: Request.Action, _ service: ServiceIndex? = nil, noWait: Bool = false,
    now: Bool = false, onlyWait: Bool = false, connection: UInt32 = 0, argument: Bool = false
  ) -> Int {
    let slot = nextClient
    nextClient = (nextClient + 1) % Limits.clients
    clientGenerations[slot] &+= 1
    let client = ClientID(slot: UInt8(slot), generation: clientGenerations[slot])
    let request = Request(
      action: action, service: service.map { UInt16($0) }, noWait: noWait, now: now,
      onlyWait: onlyWait,
      connection: connection, hasArgument: argument)
    // A slot that is needed again belongs to a client that has gone.
    for index in requests.indices
    where requests[index].client.slot == client.slot && !requests[index].isGone {
      requests[index].isGone = true
      control.append(.clientGone(requests[index].client))
    }
    requests.append(RequestFacts(client: client, request: request, made: time))
    control.append(.request(client, request))
    return requests.count - 1
  }

  /// The client of a request goes away without waiting for the answer.
  public func hangUpClient(_ request: Int) {
    requests[request].isGone = true
    control.append(.clientGone(requests[request].client))
  }

  /// A signal reaches apus itself.
  public func signalSelf(_ number: UInt8) { signals.append(.signal(number)) }

  /// An event the kernel side sends although nothing asked for it, such as a stale one.
  public func inject(_ event: Event) { control.append(event) }

  func answer(_ client: ClientID, _ answer: Answer) -> Outcome {
    guard let index = requests.lastIndex(where: { $0.client == client }) else {
      violate(5, "an answer to \(client), which asked nothing")
      return .done
    }
    if requests[index].answer != nil { violate(5, "request \(index) is answered twice") }
    requests[index].answer = answer
    requests[index].answeredAt = time
    return .done
  }

  /// A new control client asks for a listing.
  public func list(_ listing: Listing) -> ClientID {
    let slot = nextClient
    nextClient = (nextClient + 1) % Limits.clients
    clientGenerations[slot] &+= 1
    let client = ClientID(slot: UInt8(slot), generation: clientGenerations[slot])
    control.append(.listing(client, listing, service: nil))
    return client
  }

  /// A control client reads what its buffer holds, which makes room.
  public func read(_ client: ClientID) -> [[UInt8]] {
    defer {
      clientFrames[Int(client.slot)] = []
      control.append(.clientWritable(client))
    }
    return clientFrames[Int(client.slot)]
  }
}
