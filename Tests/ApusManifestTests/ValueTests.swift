import ApusBase
import ApusManifest
import Testing

/// Loads one service with some keys besides `exec`.
private func service(_ keys: String) -> LoadedManifest {
  load(#"{"apus": 1, "services": {"web": {"exec": ["/bin/web"], \#(keys)}}}"#)
}

/// Loads one socket with some keys.
private func socket(_ keys: String) -> LoadedManifest {
  service(#""listen": [{\#(keys)}]"#)
}

/// Values of service keys that are accepted.
let goodValues: [String] = [
  #""type": "oneshot", "remain": true"#, #""type": "forking", "pidFile": "/run/x.pid""#,
  #""start": "manual""#, #""maxConnections": 65535"#, #""maxConnectionsPerSource": 0"#,
  #""idleStop": "never""#, #""idleStop": "10min""#, #""reclaim": false"#,
  #""health": {"exec": ["/x"], "interval": "10s", "timeout": "1s", "failures": 1}"#,
  #""health": {"unix": "@x"}"#, #""ready": {}"#, #""ready": {"timeout": "never"}"#,
  #""ready": {"fd": 4, "timeout": "30s"}"#, #""ready": {"tcp": "127.0.0.1:80"}"#,
  #""ready": {"unix": "/run/x"}"#, #""ready": {"exec": ["/x"], "interval": "1s"}"#,
  #""restart": "always""#,
  #"""
  "restart": {"policy": "on-abort", "delay": "1ms", "factor": 1.5, "maxDelay": "1h",
  "jitter": 0, "resetAfter": "never", "limit": "5/10s", "onLimit": "rescue",
  "neverOn": [0, 255, "SIGTERM"], "alwaysOn": ["SIGRTMIN+3"]}
  """#,
  #""successExit": [143, "SIGTERM"]"#, #""critical": true"#,
  #""stop": {"signal": "SIGINT", "timeout": "1min 30s", "kill": "mixed", "exec": ["/x"]}"#,
  #""reload": {"signal": "SIGHUP"}"#, #""reload": {"exec": ["/x", ""]}"#,
  #""pre": [["/x"], ["/y", "z"]], "post": []"#, #""started": [{"exec": ["/x"]}]"#,
  #""post": [{"exec": ["/x"], "mayFail": true, "timeout": "never"}]"#,
  #""watchdog": "10s""#, #""runtimeMax": "1d""#,
  #""fdStore": 16"#, #""timer": {"every": "1h", "jitter": "5min"}"#,
  #""timer": {"calendar": "*-*-* 03:00"}"#, #""timer": {"calendar": "Mon..Fri 08:30:00"}"#,
  #""timer": {"calendar": "Sat,Sun *-1..6/2-1,15 */4:00 UTC"}"#, #""timer": {"calendar": "daily"}"#,
  #""conditions": {"exists": "/a", "missing": "/b", "kernelArg": "x=y", "architecture": "arm"}"#,
  #"""
  "conditions": {"exists": ["/a", "/b"], "missing": ["/c"], "kernelArg": ["x", "y=z"],
  "directoryNotEmpty": "/d", "fileNotEmpty": ["/e"], "executable": "/f", "container": false,
  "capability": "net_admin"}
  """#,
  #""user": "www-data", "group": "a$", "groups": ["_x", 4294967294]"#,
  #""capabilities": ["net_raw", "cap_sys_admin", "45"]"#, #""capabilities": "^63,!0""#,
  #""capabilities": "^cap_net_raw,!cap_sys_admin""#, #""capabilities": """#,
  #""noNewPrivileges": false"#, #""secureBits": ["noroot", "noroot-locked"]"#,
  #""umask": "0077""#, #""umask": "022""#,
  #""rlimits": {"nofile": "1024:4096", "core": 0, "as": "64M", "rttime": "infinity"}"#,
  #""nice": -20, "oomScoreAdjust": 1000"#, #""scheduler": {"policy": "fifo", "priority": 10}"#,
  #""scheduler": {"policy": "idle"}"#, #""ioPriority": "best-effort:4""#, #""ioPriority": "idle""#,
  #""cpuAffinity": "0-1,3""#,
  #"""
  "cgroup": {"x-optional": true, "memoryMax": "32M", "memoryHigh": "max", "pidsMax": 64, "cpuMax": "50%",
  "cpuWeight": 100, "ioWeight": 10000, "oomGroup": true}
  """#,
  #"""
  "sandbox": {"readOnly": true, "write": ["/var"], "hide": ["/root"], "privateTmp": true,
  "landlock": {"read": ["/usr"], "write": [], "execute": []}, "seccomp": "default",
  "root": "/srv"}
  """#,
  #""sandbox": {"seccomp": ["read", "@network-io"]}"#,
  #"""
  "sandbox": {"hideProcesses": true, "devices": ["/dev/ttyS0", "/dev/input/event0"],
  "protectClock": true, "protectHostname": true, "denyWriteExecute": true,
  "addressFamilies": ["unix", "inet6"], "denyNamespaces": true, "denyRealtime": true,
  "denySetuid": true, "lockPersonality": true, "nativeCallsOnly": true}
  """#,
  #""sandbox": {"devices": [], "addressFamilies": []}"#,
  #""sandbox": {"seccomp": [], "landlock": {"optional": true}}"#,
  #""environment": {"A": "", "B_1": "x=y"}"#, #""environmentFile": "-/etc/default/x""#,
  #""environmentFile": ["/a", "/b"]"#, #""workingDirectory": "/var""#,
  #""directories": {"runtime": ["web", "web/a"], "state": [], "cache": ["c"], "log": ["l"]}"#,
  #""directories": {"config": ["..web/.a", "a//b"], "description": "x"}"#,
  #""directories": {"runtime": [{"name": "w/p", "mode": "0700", "user": "u", "group": 0, "x-a": 1}]}"#,
  #""stdin": "file:/x", "stdout": "append:/y", "stderr": "kmsg""#, #""stdin": "inherit""#,
  #""log": {"ring": "16K", "file": "/x", "fileMax": 262144, "keep": 2, "rate": "500/1s"}"#,
  #""tty": "/dev/tty1""#, #""override": false"#, #""main": true"#,
  #""expand": true"#,
]

/// Values that are refused, with the path and the start of the message.
let badValues: [(String, String)] = [
  (#""type": "Simple""#, #"type: unknown word "Simple"; did you mean "simple"?"#),
  (#""type": 1"#, "type: expected a string, found a number"),
  (#""remain": true"#, #"remain: has no meaning without "type": "oneshot""#),
  (#""accept": true"#, #"accept: has no meaning without "listen""#),
  (
    #""accept": true, "listen": [{"stream": "1"}, {"datagram": "1"}]"#,
    "accept: has no meaning with listeners that take no connections"
  ),
  (#""start": "demand""#, #"start: has no meaning without "listen""#),
  (#""start": "timer""#, #"start: has no meaning without "timer""#),
  (#""pidFile": "/x""#, #"pidFile: has no meaning without "type": "forking""#),
  (#""stdio": "socket""#, #"stdio: has no meaning without "listen""#),
  (#""maxConnections": 0"#, "maxConnections: expected a whole number from 1 to 65535"),
  (#""trigger": "0/2s""#, "trigger: the rate must allow"),
  (#""trigger": "5""#, #"trigger: expected a rate like "5/10s", found "5""#),
  (#""trigger": "5/""#, "trigger: expected a rate"), (#""trigger": "5/0s""#, "trigger: expected"),
  (#""trigger": "-5/2s""#, "trigger: expected"), (#""trigger": "5/2s ""#, "trigger: expected"),
  (#""idleStop": "10""#, "idleStop: expected a duration"),
  (
    #""idleStop": 10"#,
    #"idleStop: expected a duration like "5s" or "1min 30s", found a number; write "10s""#
  ),
  (#""idleStop": "10 s""#, "idleStop: expected"), (#""idleStop": "30s 1min""#, "idleStop: exp"),
  (#""idleStop": "1min 1min""#, "idleStop: expected"), (#""idleStop": """#, "idleStop: expected"),
  (#""idleStop": "1.5s""#, "idleStop: expected"), (#""idleStop": "-1s""#, "idleStop: expected"),
  (#""idleStop": "01s""#, "idleStop: expected"), (#""idleStop": "1S""#, "idleStop: expected"),
  (#""idleStop": "1min  30s""#, "idleStop: expected"), (#""idleStop": "1s ""#, "idleStop: exp"),
  (#""idleStop": "106751992d""#, "idleStop: expected"),
  (#""idleStop": "99999999999999999999s""#, "idleStop: expected"),
  (#""idleStop": "1ms""#, "idleStop: the duration is too short"),
  (#""health": {}"#, "health: expected exactly one of exec, tcp and unix"),
  (#""health": {"tcp": "80", "exec": ["/x"]}"#, "health: expected exactly one of exec, tcp and"),
  (#""health": {"tcp": "80", "failures": 0}"#, "health.failures: expected a whole number from 1"),
  (#""health": {"tcp": "80"}, "type": "oneshot""#, "health: has no meaning without a process"),
  (#""ready": {"fd": 2}"#, "ready.fd: expected a whole number from 3 to 1023"),
  (#""ready": {"fd": 3, "tcp": "80"}"#, "ready: only one of"),
  (
    #""ready": {"fd": 3}, "listen": [{"stream": "80"}]"#,
    "ready: has no meaning with a descriptor that is a socket's"
  ),
  (#""ready": {"tcp": "/x"}"#, "ready.tcp: expected port"),
  (#""restart": "allways""#, #"restart: unknown word "allways"; did you mean "always"?"#),
  (#""restart": 1"#, "restart: expected an object, found a number"),
  (#""restart": {"delay": "0s"}"#, "restart.delay: the duration is too short"),
  (#""restart": {"delay": "never"}"#, #"restart.delay: "never" is not allowed here"#),
  (
    #""restart": {"factor": 0.5}"#, "restart.factor: expected a number of 3 decimals from 1 to 1000"
  ),
  (#""restart": {"jitter": 1.1}"#, "restart.jitter: expected a number of 3 decimals from 0 to 1"),
  (#""restart": {"jitter": 0.0005}"#, "restart.jitter: expected a number of 3 decimals"),
  (#""restart": {"limit": "none"}"#, "restart.limit: expected a rate"),
  (#""restart": {"neverOn": [256]}"#, "restart.neverOn[0]: expected a whole number"),
  (
    #""restart": {"neverOn": ["SIGTREM"]}"#,
    #"restart.neverOn[0]: unknown signal "SIGTREM"; did you mean "SIGTERM"?"#
  ),
  (#""successExit": ["SIGRTMIN+31"]"#, "successExit[0]: unknown signal"),
  (#""successExit": 1"#, "successExit: expected an array, found a number"),
  (
    #""stop": {"signal": 15}"#,
    #"stop.signal: expected the name of a signal, found a number; write "SIGTERM""#
  ),
  (#""stop": {"timeout": "never"}"#, #"stop.timeout: "never" is not"#),
  (#""stop": {"kill": "group"}"#, #"stop.kill: unknown word "group"; expected all, mixed or main"#),
  (#""stop": {"exec": []}"#, "stop.exec: expected a program"),
  (#""reload": {}"#, "reload: expected exactly one of signal or exec"),
  (#""reload": {"signal": "SIGHUP", "exec": ["/x"]}"#, "reload: expected exactly one"),
  (#""pre": ["/x"]"#, #"pre: expected an array of commands, found an array; write [["/x"]]"#),
  (#""pre": [{"mayFail": true}]"#, "pre[0]: the key \"exec\" is missing"),
  (#""post": [{"exec": ["/x"], "timeout": "0s"}]"#, "post[0].timeout: the duration is too short"),
  (#""started": [{"exec": ["/x"], "fails": 1}]"#, "started[0].fails: unknown key; expected exec,"),
  (#""pre": [["x"]]"#, "pre[0][0]: expected an absolute path"),
  (#""fdStore": -1"#, "fdStore: expected a whole number from 0 to 1024"),
  (#""timer": {}"#, "timer: a timer needs"),
  (#""timer": {"calendar": "25:00"}"#, "timer.calendar: expected a calendar"),
  (#""timer": {"calendar": ""}"#, "timer.calendar: expected a calendar"),
  (#""timer": {"calendar": "03:00 *-*-*"}"#, "timer.calendar: expected a calendar"),
  (
    #""conditions": {"architecture": "amd64"}"#,
    #"conditions.architecture: unknown word "amd64"; did you mean "x86_64"?"#
  ),
  (#""conditions": {"exists": []}"#, "conditions.exists: expected at least one entry"),
  (#""conditions": {"exists": ["a"]}"#, "conditions.exists[0]: expected an absolute path"),
  (#""conditions": {"kernelArg": ["x", ""]}"#, "conditions.kernelArg[1]: expected a string"),
  (#""conditions": {"container": "no"}"#, "conditions.container: expected true or false"),
  (#""conditions": {"capability": "net"}"#, #"conditions.capability: unknown capability "net""#),
  (
    #""capabilities": ["net_rw"]"#,
    #"capabilities[0]: unknown capability "net_rw"; did you mean "net_raw"?"#
  ),
  (
    #""capabilities": ["CAP_NET_RAW"]"#,
    #"capabilities[0]: unknown capability "CAP_NET_RAW"; did you mean "net_raw"?"#
  ),
  (#""capabilities": "^cap_net_raw,,cap_chown""#, "capabilities: unknown capability"),
  (
    #""capabilities": "net_raw,chown""#,
    #"capabilities: libcap reads no such text: "net_raw,chown"; write ["net_raw", "chown"]"#
  ),
  (
    #""capabilities": "^net_raw,!0""#,
    #"capabilities: libcap reads no such text: "^net_raw,!0"; write "^cap_net_raw,!cap_chown""#
  ),
  (#""capabilities": ["64"]"#, "capabilities[0]: unknown capability"),
  (#""capabilities": ["cap_45"]"#, "capabilities[0]: unknown capability"),
  (#""secureBits": ["root"]"#, "secureBits[0]: unknown word"),
  (#""umask": "0888""#, "umask: expected an octal mode"), (#""umask": "1777""#, "umask: expected"),
  (
    #""umask": 22"#, #"umask: expected an octal mode like "0660", found a number; write "0022""#
  ), (#""umask": "22""#, "umask: expected"),
  (
    #""rlimits": {"nofiles": 1}"#,
    #"rlimits.nofiles: unknown key; did you mean "nofile"?"#
  ),
  (#""rlimits": {"as": "1X"}"#, "rlimits.as: expected a limit"),
  (#""rlimits": {"as": -1}"#, #"rlimits.as: a limit is not negative; write "infinity""#),
  (#""rlimits": {"as": "1:2:3"}"#, "rlimits.as: expected a limit"),
  (#""rlimits": {"as": "99999999999T"}"#, "rlimits.as: expected a limit"),
  (#""nice": 20"#, "nice: expected a whole number from -20 to 19"),
  (#""oomScoreAdjust": -1001"#, "oomScoreAdjust: expected a whole number from -1000 to 1000"),
  (#""scheduler": {"policy": "fifo"}"#, "scheduler: a priority is missing"),
  (#""scheduler": {"priority": 3}"#, "scheduler: a priority needs"),
  (#""ioPriority": "best-effort:8""#, "ioPriority: expected"),
  (#""cpuAffinity": "3-1""#, "cpuAffinity: expected"),
  (#""cpuAffinity": "1024""#, "cpuAffinity: expected"),
  (#""cgroup": {"cpuMax": "0%"}"#, "cgroup.cpuMax: expected a share"),
  (#""cgroup": {"cpuWeight": 0}"#, "cgroup.cpuWeight: expected a whole number from 1 to 10000"),
  (#""cgroup": {"memoryMax": "big"}"#, "cgroup.memoryMax: expected a size"),
  (#""sandbox": {"write": ["var"]}"#, "sandbox.write[0]: expected an absolute path"),
  (
    #""sandbox": {"landlock": {"raed": []}}"#,
    #"sandbox.landlock.raed: unknown key; did you mean "read"?"#
  ),
  (#""sandbox": {"seccomp": "defualt"}"#, "sandbox.seccomp: unknown word"),
  (
    #""sandbox": {"devices": ["/etc/x"]}"#,
    #"sandbox.devices: expected paths below /dev, found "/etc/x""#
  ),
  (
    #""sandbox": {"addressFamilies": ["ipv4"]}"#,
    #"sandbox.addressFamilies[0]: unknown word "ipv4""#
  ),
  (#""environment": {"A=B": ""}"#, "environment.A=B: not a name of an environment variable"),
  (#""environment": {"": ""}"#, "environment.: not a name of an environment variable"),
  (#""environment": {"A": 1}"#, "environment.A: expected a string, found a number"),
  (
    #""environment": ["A=B"]"#,
    #"environment: expected an object like {"NAME": "value"}, found an array"#
  ),
  (#""workingDirectory": "var""#, "workingDirectory: expected an absolute path"),
  (
    #""directories": {"runtime": ["../x"]}"#,
    #"directories.runtime[0]: expected a relative path without "." and "..", found "../x""#
  ),
  (
    #""directories": {"runtime": ["a", "/run/x/y/"]}"#,
    #"directories.runtime[1]: expected a relative path without "." and "..", found "/run/x/y/"; "#
      + #"did you mean "x/y"?"#
  ),
  (
    #""directories": {"config": [{"name": "/x"}]}"#,
    #"directories.config[0].name: expected a relative path without "." and "..", found "/x"; "#
      + #"did you mean "x"?"#
  ),
  (#""directories": {"state": ["a/./b"]}"#, "directories.state[0]: expected a relative path"),
  (#""directories": {"state": ["."]}"#, "directories.state[0]: expected a relative path"),
  (#""directories": {"state": [""]}"#, "directories.state[0]: expected a relative path"),
  (#""directories": {"state": ["/"]}"#, "directories.state[0]: expected a relative path"),
  (
    #""directories": {"runtime": "web"}"#,
    #"directories.runtime: expected an array, found a string; write ["web"]"#
  ),
  (
    #""directories": {"log": [7]}"#,
    #"directories.log[0]: expected a name or an object like {"name": "web", "mode": "0750"}, "#
      + "found a number"
  ),
  (
    #""directories": {"log": [{"mode": "0700"}]}"#,
    #"directories.log[0]: the key "name" is missing"#
  ),
  (
    #""directories": {"log": [{"name": "a", "mode": 750}]}"#,
    #"directories.log[0].mode: expected an octal mode like "0660", found a number; write "0750""#
  ),
  (
    #""directories": {"log": [{"name": "a", "mode": "0888"}]}"#,
    #"directories.log[0].mode: expected an octal mode like "0660", found "0888""#
  ),
  (
    #""directories": {"log": [{"name": "a", "user": "33"}]}"#,
    #"directories.log[0].user: not a user or group name: "33" (an id is a number without quotes)"#
  ),
  (
    #""directories": {"log": [{"name": "a", "group": true}]}"#,
    "directories.log[0].group: expected a name or an id"
  ),
  (
    #""directories": {"log": [{"name": "a", "owner": "u"}]}"#,
    #"directories.log[0].owner: unknown key; did you mean "user"?"#
  ),
  (
    #""directories": {"log": [{"path": "a"}]}"#,
    #"directories.log[0].path: unknown key; did you mean "name"?"#
  ),
  (#""stdin": "log""#, "stdin: unknown word"), (#""stdin": "append:/x""#, "stdin: unknown word"),
  (#""stdout": "file:x""#, "stdout: expected an absolute path"),
  (#""stderr": "nul""#, #"stderr: unknown word "nul"; did you mean "null"?"#),
  (#""log": {"keep": 101}"#, "log.keep: expected a whole number from 0 to 100"),
  (#""needs": ["a b"]"#, "needs[0]: not a service name"),
  (#""needs": ["nobody"]"#, #"needs[0]: unknown service "nobody""#),
  (#""instances": ["a"]"#, "instances: only a template"),
  (#""tty": "tty1""#, "tty: expected an absolute path"),
  (#""override": 1"#, "override: expected true or false, found a number"),
]

/// Addresses that are accepted, by the kind they are given for.
let goodAddresses: [(String, String, ListenerAddress)] = [
  ("stream", "80", .port(80)), ("stream", "65535", .port(65535)),
  ("datagram", "127.0.0.1:53", .ipv4(0x7f00_0001, 53)),
  ("stream", "0.0.0.0:1", .ipv4(0, 1)),
  ("stream", "[::1]:22", .ipv6(0, 1, 22, scope: .none)),
  ("stream", "[::]:22", .ipv6(0, 0, 22, scope: .none)),
  ("stream", "[2001:DB8::a:b]:1", .ipv6(0x2001_0db8_0000_0000, 0x000a_000b, 1, scope: .none)),
  (
    "stream", "[1:2:3:4:5:6:7:8]:1",
    .ipv6(0x0001_0002_0003_0004, 0x0005_0006_0007_0008, 1, scope: .none)
  ),
  (
    "stream", "[1:2:3:4:5:6:7::]:1",
    .ipv6(0x0001_0002_0003_0004, 0x0005_0006_0007_0000, 1, scope: .none)
  ),
  ("stream", "[::ffff:1.2.3.4]:1", .ipv6(0, 0xffff_0102_0304, 1, scope: .none)),
  ("stream", "vsock:2:1024", .vsock(2, 1024)), ("stream", "vsock::1", .vsock(0xffff_ffff, 1)),
  ("netlink", "kobject-uevent 1", .netlink(15, 1)), ("netlink", "route 1361", .netlink(0, 1361)),
  ("netlink", "crypto", .netlink(21, 0)), ("netlink", "generic 0", .netlink(16, 0)),
  ("netlink", "15 1", .netlink(15, 1)), ("netlink", "31", .netlink(31, 0)),
]

/// Addresses that are refused, by the kind they are given for.
let badAddresses: [(String, String)] = [
  ("stream", "0"), ("stream", "65536"), ("stream", "080"), ("stream", ""), ("stream", "http"),
  ("stream", "127.0.0.1"), ("stream", "127.0.0.256:1"), ("stream", "127.0.0.01:1"),
  ("stream", "127.0.0:1"), ("stream", "1.2.3.4.5:1"), ("stream", "localhost:80"),
  ("stream", "[::1]"), ("stream", "[::1]:"), ("stream", "::1:80"), ("stream", "[:1]:80"),
  ("stream", "[1::2::3]:80"), ("stream", "[1:2:3:4:5:6:7]:80"), ("stream", "[12345::]:80"),
  ("stream", "[1:2:3:4:5:6:7:8:9]:80"), ("stream", "[::1%]:80"), ("stream", "[::1:]:80"),
  ("stream", "[]:80"), ("stream", "@"), ("stream", "relative"), ("stream", "/run/../x"),
  ("stream", " 80"), ("stream", "80 "), ("stream", "+80"), ("stream", "vsock:1"),
  ("seqpacket", "80"), ("fifo", "@x"), ("special", "80"), ("netlink", "kobject 1"),
  ("netlink", "route x"), ("netlink", "32 1"), ("netlink", "route 4294967296"),
]

@Suite struct ValueTests {
  @Test(arguments: goodValues) func `Good values are accepted`(_ keys: String) {
    let loaded = service(keys)
    #expect(loaded.errorLines == [])
    #expect(loaded.manifest.services.first?.flags.contains(.invalid) == false)
  }

  @Test(arguments: badValues.indices)
  func `Bad values are refused with their path and reason`(_ index: Int) {
    let (keys, message) = badValues[index]
    let loaded = service(keys)
    #expect(loaded.errorLines.count == 1)
    let line = loaded.errorLines.first ?? ""
    #expect(line.contains(": error: services.web." + message), "\(line)")
    #expect(loaded.manifest.services.first?.flags.contains(.invalid) == true)
  }

  @Test(arguments: goodAddresses.indices) func `Good addresses are read`(_ index: Int) {
    let (kind, text, address) = goodAddresses[index]
    let loaded = socket(#""\#(kind)": "\#(text)""#)
    #expect(loaded.errorLines == [])
    #expect(loaded.manifest.listeners.first?.address == address)
    #expect(loaded.manifest.listeners.first.map { loaded.text($0.spelling) } == text)
  }

  @Test(arguments: badAddresses.indices) func `Bad addresses are refused`(_ index: Int) {
    let (kind, text) = badAddresses[index]
    let loaded = socket(#""\#(kind)": "\#(text)""#)
    #expect(loaded.errorLines.count == 1, "\(text)")
    #expect(loaded.errorLines.first?.contains("services.web.listen[0].\(kind): ") == true)
  }

  @Test func `A scope is an interface`() throws {
    let loaded = socket(#""stream": "[fe80::1%eth0]:80""#)
    let listener = try #require(loaded.manifest.listeners.first)
    guard case .ipv6(0xfe80_0000_0000_0000, 1, 80, let scope) = listener.address else {
      Issue.record("\(listener.address)")
      return
    }
    #expect(loaded.text(scope) == "eth0")
  }

  @Test func `Every socket key is decoded`() throws {
    let loaded = socket(
      """
      "stream": "10.0.0.1:80", "name": "http", "mode": "0600", "user": "a", "group": 3,
      "directoryMode": "0700", "symlinks": ["/run/l", "/run/m"], "removeOnStop": true, "backlog": 5,
      "ipv6Only": true, "device": "eth0", "freeBind": false, "transparent": true,
      "reusePort": true, "noDelay": true, "keepAlive": {"time": "1h", "interval": "1s", "probes": 3},
      "deferAccept": "5001ms", "fastOpen": 16, "sendBuffer": "64K", "receiveBuffer": 4096,
      "priority": 6, "mark": 4294967295, "tos": 16, "ttl": 64, "congestion": "bbr",
      "broadcast": true, "passCredentials": true, "passPidfd": true, "packetInfo": true,
      "timestamps": "ns", "pipeSize": "1M", "protocol": "mptcp", "flush": true
      """)
    #expect(loaded.errorLines == [])
    let listener = try #require(loaded.manifest.listeners.first)
    #expect(listener.mode == 0o600)
    #expect(listener.directoryMode == 0o700)
    #expect(listener.backlog == 5)
    #expect(listener.group == .id(3))
    #expect(!listener.flags.contains(.freeBind))
    #expect(
      listener.flags.contains([
        .ipv6Only, .removeOnStop, .transparent, .reusePort, .noDelay, .keepAlive, .broadcast,
        .passCredentials, .passPidfd, .packetInfo, .flush,
      ]))
    #expect(listener.present & SocketKey.ipv6Only.bit != 0)
    var options: [Int64: [Int64]] = [:]
    for index in listener.options.indices {
      let value = loaded.manifest.values[index]
      options[value >> 32, default: []].append(value & 0xffff_ffff)
    }
    func text(_ key: SocketKey) -> [String] {
      (options.removeValue(forKey: Int64(key.rawValue)) ?? []).map { offset in
        let bytes = loaded.manifest.pool[Int(offset)...].prefix { $0 != 0 }
        return String(decoding: bytes, as: UTF8.self)
      }
    }
    #expect(text(.device) == ["eth0"])
    #expect(text(.congestion) == ["bbr"])
    #expect(text(.symlinks) == ["/run/l", "/run/m"])
    let numbers: [(SocketKey, Int64)] = [
      (.deferAccept, 6), (.fastOpen, 16), (.sendBuffer, 65536), (.receiveBuffer, 4096),
      (.priority, 6), (.mark, 0xffff_ffff), (.tos, 16), (.ttl, 64), (.pipeSize, 1 << 20),
      (.protocol, 1),
    ]
    for (key, value) in numbers {
      #expect(options.removeValue(forKey: Int64(key.rawValue)) == [value], "\(key)")
    }
    let members: [(SocketOption, Int64)] = [
      (.keepAliveTime, 3600), (.keepAliveInterval, 1), (.keepAliveProbes, 3), (.nanoseconds, 1),
    ]
    for (member, value) in members {
      #expect(options.removeValue(forKey: Int64(member.rawValue)) == [value], "\(member)")
    }
    #expect(options.isEmpty)
    let useless = loaded.lines.compactMap { line in
      line.split(separator: " ").first { $0.hasPrefix("services.") }.map { $0.dropFirst(23) }
    }
    #expect(
      useless == [
        "mode:", "user:", "group:", "directoryMode:", "symlinks:", "removeOnStop:", "ipv6Only:",
        "passCredentials:", "passPidfd:", "pipeSize:",
      ])
  }

  @Test func `A socket has exactly one address`() {
    #expect(socket(#""stream": "80", "datagram": "80""#).errorLines.count == 1)
    #expect(socket(#""name": "x""#).errorLines.count == 1)
    #expect(service(#""listen": []"#).errorLines.count == 1)
    #expect(service(#""listen": {}"#).errorLines.count == 1)
  }

  @Test func `Values arrive in the table`() throws {
    let loaded = service(
      """
      "restart": {"policy": "on-abort", "delay": "250ms", "factor": 1.5, "maxDelay": "1min 30s",
        "jitter": 0.25, "limit": "5/10s", "onLimit": "reboot", "neverOn": [3, "SIGKILL"]},
      "stop": {"signal": "SIGRTMIN+3", "timeout": "2s", "kill": "main"},
      "user": "www", "capabilities": ["net_raw", "cap_bpf"], "secureBits": ["keep-caps"],
      "umask": "0027", "rlimits": {"nofile": "1K:4096", "core": 0, "as": "infinity"},
      "nice": -5, "oomScoreAdjust": -999, "stdout": "file:/o", "successExit": [1],
      "directories": {"state": ["a", "b"]}, "environment": {"K": "v"}, "critical": true
      """)
    #expect(loaded.lines == [])
    let manifest = loaded.manifest
    let web = try #require(manifest.services.first)
    let restart = manifest.restart(of: web)
    #expect(restart.policy == .onAbort)
    #expect(restart.delay == .milliseconds(250))
    #expect(restart.factorPermille == 1500)
    #expect(restart.maxDelay == .seconds(90))
    #expect(restart.jitterPermille == 250)
    #expect(restart.limit == Rate(count: 5, window: .seconds(10)))
    #expect(restart.onLimit == .reboot)
    #expect(
      restart.neverOn.indices.map { manifest.exitStatuses[$0] } == [
        ExitStatus(isSignal: false, number: 3), ExitStatus(isSignal: true, number: 9),
      ])
    let stop = manifest.stop(of: web)
    #expect(stop.signal == 37)
    #expect(stop.timeout == .seconds(2))
    #expect(stop.scope == .main)
    let credentials = manifest.credentials(of: web)
    #expect(manifest.strings(credentials.capabilities) == ["net_raw", "bpf"])
    #expect(credentials.secureBits == 1 << 4)
    #expect(credentials.umask == 0o027)
    #expect(
      credentials.limits.indices.map { manifest.resourceLimits[$0] } == [
        ResourceLimit(resource: 7, soft: 1024, hard: 4096),
        ResourceLimit(resource: 4, soft: 0, hard: 0),
        ResourceLimit(resource: 9, soft: .max, hard: .max),
      ])
    let extras = manifest.extras(of: web)
    #expect(extras.nice == -5)
    #expect(extras.oomScoreAdjust == -999)
    guard case .file(let path) = manifest.streams(of: web).output else {
      Issue.record("no file")
      return
    }
    #expect(loaded.text(path) == "/o")
    #expect(manifest.streams(of: web).error == .log)
    #expect(
      web.directories.indices.map { loaded.text(manifest.directories[$0].name) } == ["a", "b"])
    #expect(manifest.directories[Int(web.directories.start)].place == .state)
    #expect(manifest.strings(web.environment) == ["K=v"])
    #expect(web.flags.contains(.critical))
    #expect(web.present & ServiceKey.umask.bit != 0)
    #expect(web.present & ServiceKey.stdin.bit == 0)
  }

  @Test func `What follows from other keys`() throws {
    let plain = try #require(service(#""nice": 0"#).service("web"))
    #expect(plain.start == .boot)
    #expect(plain.trigger == Rate(count: 20, window: .seconds(2)))
    let demand = try #require(
      service(#""listen": [{"stream": "1"}], "accept": true, "stdio": "socket""#).service("web"))
    #expect(demand.start == .demand)
    #expect(demand.trigger == Rate(count: 200, window: .seconds(2)))
    #expect(demand.flags.contains([.accept, .socketStdio]))
    let boot = try #require(
      service(#""listen": [{"stream": "1"}], "start": "boot", "trigger": "3/1s""#).service("web"))
    #expect(boot.start == .boot)
    #expect(boot.trigger == Rate(count: 3, window: .seconds(1)))
    #expect(service(#""timer": {"every": "1h"}"#).service("web")?.start == .timer)
    let socketStreams = service(#""listen": [{"stream": "1"}], "stdio": "socket""#)
    #expect(socketStreams.manifest.streams.last?.input == .socket)
    #expect(socketStreams.manifest.streams.last?.output == .socket)
    #expect(socketStreams.manifest.streams.last?.error == .log)
  }

  @Test func `Key tables agree with the cases`() {
    for key in ServiceKey.allCases { #expect(key.rawValue < 64 && "\(key)" == key.spelling) }
    for key in SocketKey.allCases { #expect(key.rawValue < 64 && "\(key)" == key.spelling) }
    for key in SystemKey.allCases { #expect(key.rawValue < 64 && "\(key)" == key.spelling) }
  }
}
