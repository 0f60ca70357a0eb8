import Testing

/// Unchanged daemons that start as root, drop it by themselves and say READY=1 after that.
@Suite struct DebianDropTests {
  @Test("dbus-daemon takes its listener, is ready after it has dropped root, reloads, comes back")
  func dbus() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"dbus": {"type": "notify", "sandbox": "ROOT",
        "exec": ["/usr/bin/dbus-daemon", "--system", "--address=systemd:", "--nofork",
          "--nopidfile", "--systemd-activation", "--syslog-only"],
        "listen": [{"stream": "DIR/debian/run/dbus/system_bus_socket", "mode": "0666"}],
        "reload": {"exec": ["/usr/bin/dbus-send", "--print-reply", "--system",
          "--type=method_call", "--dest=org.freedesktop.DBus", "/",
          "org.freedesktop.DBus.ReloadConfig"]}}}}
      """#)
    func ask() throws -> String {
      try board.debian(
        "dbus-send", "--system", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
        "org.freedesktop.DBus.GetId"
      ).output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let first = try ask()
    #expect(first.count == 32, "\(board.log)")
    try board.wait(for: "dbus", "ready")
    #expect(board.command(["reload", "dbus"]).code == 0, "\(board.log)")
    #expect(try ask() == first)
    let pid = try board.strike("dbus")
    let second = try ask()
    #expect(second.count == 32 && second != first, "\(board.log)")
    try board.wait(for: "dbus", "ready")
    #expect(try board.pid("dbus") != pid)
  }

  @Test("mosquitto is ready after it has dropped root, and keeps its messages over a restart")
  func mosquitto() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"mosquitto": {"type": "notify", "sandbox": "ROOT",
        "exec": ["/usr/sbin/mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"],
        "reload": {"signal": "SIGHUP"},
        "pre": [["/bin/mkdir", "-m", "740", "-p", "/var/log/mosquitto", "/run/mosquitto"],
          ["/bin/chown", "mosquitto", "/var/log/mosquitto", "/run/mosquitto",
            "/var/lib/mosquitto"]]}}}
      """#)
    func ask() throws -> String {
      try board.debian("mosquitto_sub", "-t", "words", "-C", "1", "-W", "10").output
    }
    try board.wait(for: "mosquitto", "ready")
    #expect(try board.debian("mosquitto_pub", "-r", "-t", "words", "-m", "kept").code == 0)
    #expect(try ask() == "kept\n", "\(board.log)")
    #expect(board.command(["reload", "mosquitto"]).code == 0)
    let pid = try board.pid("mosquitto")
    #expect(board.command(["restart", "mosquitto"]).code == 0)
    #expect(try board.pid("mosquitto") != pid)
    #expect(try ask() == "kept\n", "\(board.log)")
    try board.strike("mosquitto")
    try board.wait(for: "mosquitto", "ready")
    #expect(try ask() == "kept\n", "\(board.log)")
  }

  @Test("rpcbind takes its five listeners and is ready after it has dropped root")
  func rpcbind() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"rpcbind": {"exec": ["/sbin/rpcbind", "-f", "-w"],
        "type": "notify", "stop": {"kill": "main"}, "sandbox": "ROOT",
        "pre": [["/bin/mkdir", "-p", "/run/rpcbind"], ["/bin/chown", "_rpc", "/run/rpcbind"]],
        "listen": [{"stream": "DIR/debian/run/rpcbind.sock", "mode": "0666"},
          {"stream": "0.0.0.0:111"}, {"datagram": "0.0.0.0:111"},
          {"stream": "[::]:111", "ipv6Only": true}, {"datagram": "[::]:111", "ipv6Only": true}]}}}
      """#)
    // What is registered, over TCP, over UDP and by the path.
    let questions = [["-p", "127.0.0.1"], ["-T", "udp", "127.0.0.1", "100000", "4"], ["-s"]]
    func ask(_ question: [String]) throws -> String {
      try board.debian(["rpcinfo"] + question).output
    }
    for question in questions {
      #expect(try ask(question).contains("100000"), "\(question)\n\(board.log)")
      try board.wait(for: "rpcbind", "ready")
      try board.strike("rpcbind")
    }
    #expect(try ask(questions[0]).contains("100000"), "\(board.log)")
  }

  @Test("mpd takes its listener, is ready after it has dropped root, and plays on after its end")
  func mpd() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"mpd": {"type": "notify", "sandbox": "ROOT",
        "exec": ["/usr/bin/mpd", "--systemd", "DIR/mpd.conf"],
        "directories": {"state": [{"name": "mpd", "user": 107, "group": 29},
          {"name": "mpd/music", "user": 107, "group": 29}]},
        "listen": [{"stream": "DIR/mpd.sock", "mode": "0666", "passCredentials": true},
          {"stream": "127.0.0.1:6600", "keepAlive": true}]}}}
      """#,
      files: [
        "mpd.conf": """
        music_directory "/var/lib/mpd/music"
        db_file "/var/lib/mpd/tag_cache"
        state_file "/var/lib/mpd/state"
        playlist_directory "/var/lib/mpd"
        user "mpd"
        group "audio"
        log_file "/dev/stderr"
        audio_output {
          type "null"
          name "nothing"
        }

        """
      ])
    func ask(_ words: String) -> [String] {
      Client.ask(.path(board.path("mpd.sock")), words + "\nclose\n")
        .split(separator: "\n").map(String.init)
    }
    let first = ask("save kept\nlistplaylists\noutputs")
    #expect(first.first?.hasPrefix("OK MPD ") == true, "\(first) \(board.log)")
    #expect(first.contains("playlist: kept") && first.contains("outputname: nothing"), "\(first)")
    try board.wait(for: "mpd", "ready")
    let lines = "while read -r key uid rest; do [ $key = Uid: ] && echo $uid; done"
    let uid = try board.debian("sh", "-c", "\(lines) </proc/\(board.pid("mpd"))/status").output
    #expect(uid == "107\n")
    let pid = try board.strike("mpd")
    let second = ask("listplaylists")
    #expect(second.contains("playlist: kept"), "\(second) \(board.log)")
    try board.wait(for: "mpd", "ready")
    #expect(try board.pid("mpd") != pid)
    #expect(board.command(["stop", "mpd"]).code == 0)
    let last = try #require(try board.service("mpd")["lastExit"] as? [String: Any])
    #expect(last["code"] as? Int == 0, "\(last)")
  }
}
