import Foundation
import TestSockets
import Testing

/// Unchanged web servers and a database, reloaded and ended under their clients.
@Suite struct DebianServerTests {
  private static let nginx = """
    user www-data;
    worker_processes 1;
    pid /run/NAME.pid;
    error_log stderr;
    events { worker_connections 64; }
    http {
      access_log off;
      server { listen unix:DIR/NAME.sock; location / { return 200 "page of $pid\\n"; } }
    }
    """

  @Test("nginx serves what it is given, and haproxy before it, over reloads and ends")
  func proxy() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {
        "nginx": {"exec": ["/usr/sbin/nginx", "-c", "DIR/nginx.conf", "-g", "daemon off;"],
          "environment": {"NGINX": "3;"}, "listen": [{"stream": "DIR/nginx.sock", "mode": "0666"}],
          "stop": {"signal": "SIGQUIT"}, "reload": {"signal": "SIGHUP"}, "sandbox": "ROOT"},
        "haproxy": {"exec": ["/usr/sbin/haproxy", "-Ws", "-f", "DIR/haproxy.cfg", "-p",
            "/run/haproxy.pid"], "type": "notify", "listen": [{"stream": "DIR/haproxy.sock"}],
          "restart": "always", "stop": {"kill": "mixed"}, "successExit": [143],
          "reload": {"signal": "SIGUSR2"}, "sandbox": "ROOT"}}}
      """#,
      files: [
        "nginx.conf": Self.nginx.replacingOccurrences(of: "NAME", with: "nginx"),
        "haproxy.cfg": """
        global
          user haproxy
          group haproxy
        defaults
          mode http
          timeout connect 5s
          timeout client 5s
          timeout server 5s
        listen all
          bind fd@3
          retries 9
          server nginx unix@DIR/nginx.sock

        """,
      ])
    let first = board.page("haproxy.sock")
    try #require(first.hasPrefix("page of "), "\(first)\n\(board.log)")
    try board.wait(for: "haproxy", "ready")
    #expect(board.page("nginx.sock") == first)
    let (nginx, haproxy) = (try board.pid("nginx"), try board.pid("haproxy"))
    for service in ["nginx", "haproxy"] {
      #expect(board.command(["reload", service]).code == 0, "\(board.log)")
    }
    // The workers are new, the masters are not.
    try board.wait("another worker") {
      let page = board.page("haproxy.sock")
      return page.hasPrefix("page of ") && page != first
    }
    try board.wait(for: "haproxy", "ready")
    #expect(try board.pid("nginx") == nginx && board.pid("haproxy") == haproxy)
    for service in ["nginx", "haproxy"] {
      try board.strike(service)
      #expect(board.page("haproxy.sock").hasPrefix("page of "), "\(service)\n\(board.log)")
    }
    try board.wait(for: "haproxy", "ready")
    #expect(board.command(["stop", "haproxy"]).code == 0)
    let last = try #require(try board.service("haproxy")["lastExit"] as? [String: Any])
    // By the signal itself where it came between READY=1 and the handler.
    #expect([0, 15, 143].contains(last["code"] as? Int), "\(last)")
  }

  @Test("nginx goes into the background as Debian starts it, and is reloaded and ended")
  func forking() throws {
    let arguments = #""-c", "DIR/web.conf", "-g", "daemon on; master_process on;""#
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"web": {"type": "forking", "start": "manual",
        "exec": ["/usr/sbin/nginx", \#(arguments)], "pidFile": "DIR/debian/run/web.pid",
        "pre": [["/usr/sbin/nginx", "-t", "-q", \#(arguments)]],
        "reload": {"exec": ["/usr/sbin/nginx", \#(arguments), "-s", "reload"]},
        "stop": {"signal": "SIGQUIT", "kill": "mixed"}, "sandbox": "ROOT"}}}
      """#, files: ["web.conf": Self.nginx.replacingOccurrences(of: "NAME", with: "web")])
    for _ in 0..<2 {
      #expect(board.command(["start", "web"]).code == 0, "\(board.log)")
      let (pid, first) = (try board.pid("web"), board.page("web.sock"))
      #expect(first.hasPrefix("page of "), "\(board.log)")
      #expect(board.command(["reload", "web"]).code == 0, "\(board.log)")
      try board.wait("another worker") { board.page("web.sock") != first }
      #expect(try board.pid("web") == pid)
      #expect(board.command(["stop", "web"]).code == 0)
      #expect(Client.connect(unix: board.path("web.sock")) == nil)
    }
  }

  @Test("php-fpm takes its listener and runs a script, after a reload and its end, too")
  func php() throws {
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"php": {"type": "notify", "exec": ["/usr/sbin/php-fpm8.2",
          "--nodaemonize", "--fpm-config", "DIR/fpm.conf"],
        "environment": {"FPM_SOCKETS": "DIR/php.sock=3"}, "listen": [{"stream": "DIR/php.sock"}],
        "reload": {"signal": "SIGUSR2"}, "sandbox": "ROOT"}}}
      """#,
      files: [
        "a.php": #"<?php echo "php says ", strrev($_SERVER["QUERY_STRING"]);"#,
        "fpm.conf": """
        [global]
        error_log = /dev/stderr
        [www]
        user = www-data
        group = www-data
        listen = DIR/php.sock
        pm = static
        pm.max_children = 1

        """,
      ])
    func ask() -> String { fastCGI("php.sock", ["QUERY_STRING": "elpmas"], board) }
    #expect(ask().contains("php says sample"), "\(board.log)")
    try board.wait(for: "php", "ready")
    #expect(board.command(["reload", "php"]).code == 0)
    #expect(ask().contains("php says sample"), "\(board.log)")
    try board.wait(for: "php", "ready")
    try board.strike("php")
    #expect(ask().contains("php says sample"), "\(board.log)")
  }

  /// Everything that a FastCGI server answers to a GET of a.php.
  private func fastCGI(_ socket: String, _ variables: [String: String], _ board: Board) -> String {
    func record(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
      [1, kind, 0, 1, UInt8(body.count >> 8), UInt8(body.count & 255), 0, 0] + body
    }
    let all = variables.merging(
      ["SCRIPT_FILENAME": board.path("a.php"), "REQUEST_METHOD": "GET"]) { own, _ in own }
    let parameters = all.flatMap { name, value in
      [UInt8(name.utf8.count), UInt8(value.utf8.count)] + name.utf8 + value.utf8
    }
    let request =
      record(1, [0, 1, 0, 0, 0, 0, 0, 0]) + record(4, parameters) + record(4, []) + record(5, [])
    return Client.ask(.path(board.path(socket)), String(decoding: request, as: UTF8.self))
  }

  @Test("pg_ctlcluster starts, reloads and stops PostgreSQL, whose rows outlive its end")
  func postgres() throws {
    let control = #""exec": ["/usr/bin/pg_ctlcluster", "--skip-systemctl-redirect""#
    // Not allowed to raise limits, as in a container.
    let board = try DebianRoot.board(
      #"""
      {"apus": 1, "services": {"postgres": {"type": "forking", "start": "manual",
        \#(control), "15", "main", "start"], "pidFile": "DIR/debian/run/postgresql/15-main.pid",
        "stop": {\#(control), "-m", "fast", "15", "main", "stop"], "timeout": "20s"},
        "reload": {\#(control), "15", "main", "reload"]}, "sandbox": "ROOT"}}}
      """#, prefix: ["/usr/bin/setpriv", "--bounding-set", "-sys_resource"])
    func ask(_ query: String) throws -> String {
      try board.debian(
        "chroot", "--userspec=postgres", "/", "/usr/lib/postgresql/15/bin/psql", "-h",
        "/run/postgresql", "-Atqc", query
      ).output.trimmingCharacters(in: .newlines)
    }
    let folders = ["/var/lib/postgresql", "/run/postgresql", "/var/log/postgresql"]
    let script =
      folders.map { "mkdir -p \($0) && chown postgres:postgres \($0)" }.joined(separator: " && ")
      + " && pg_createcluster --locale=C 15 main -- --no-sync"
    let made = try board.debian("sh", "-c", script)
    try #require(made.code == 0, "\(made.output)")
    #expect(board.command(["start", "postgres"]).code == 0, "\(board.log)")
    let pid = try board.pid("postgres")
    #expect(try ask("create table kept as select 42 as n; select n from kept") == "42")
    #expect(board.command(["reload", "postgres"]).code == 0, "\(board.log)")
    #expect(try ask("select pg_postmaster_start_time() < now()") == "t")
    #expect(try board.pid("postgres") == pid)
    try board.strike("postgres")
    try board.wait(for: "postgres", "ready")
    #expect(try ask("select n from kept") == "42", "\(board.log)")
    #expect(board.command(["stop", "postgres"]).code == 0, "\(board.log)")
    let log = try board.debian("sh", "-c", "tail -n 1 /var/log/postgresql/*").output
    #expect(log.contains("database system is shut down"), "\(log)")
  }
}
