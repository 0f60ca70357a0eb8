import Foundation
import Testing

/// Daemons that run from a manifest that apus-tool has made of Debian's own units.
@Suite struct DebianImportTests {
  @Test("nginx: forking, a pid file, a command before and one for reload and stop")
  func nginx() throws {
    let board = try ImportedBoard.board("nginx.service")
    try board.prepare(
      """
      mkdir -p /var/log/nginx /var/lib/nginx /etc/nginx/conf.d
      echo 'server { listen 127.0.0.1:8080; location / { return 200 "of nginx\\n"; } }' \
        > /etc/nginx/conf.d/test.conf
      """)
    try board.launch("nginx")
    let pid = try board.pid("nginx")
    #expect(try board.ask(port: 8080, "GET / HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.1 200"))
    #expect(board.command(["reload", "nginx"]).code == 0, "\(board.log)")
    #expect(try board.pid("nginx") == pid)
    #expect(board.command(["stop", "nginx"]).code == 0, "\(board.log)")
    #expect(try board.ask(port: 8080, "GET / HTTP/1.0\r\n\r\n") == "")
  }

  @Test("haproxy: variables, tmpfiles.d, notify, a check before the signal of a reload")
  func haproxy() throws {
    let board = try ImportedBoard.board("haproxy.service")
    try board.prepare(
      """
      mkdir -p /var/lib/haproxy
      printf '#!/bin/sh\\nkill "$@"\\n' > /bin/kill; chmod 755 /bin/kill
      printf 'listen test\\n bind 127.0.0.1:8080\\n http-request return status 200\\n' \
        >> /etc/haproxy/haproxy.cfg
      """)
    try board.launch("haproxy")
    let pid = try board.pid("haproxy")
    #expect(try board.ask(port: 8080, "GET / HTTP/1.0\r\n\r\n").contains(" 200 "), "\(board.log)")
    #expect(board.command(["reload", "haproxy"]).code == 0, "\(board.log)")
    try board.wait(for: "haproxy", "ready")
    #expect(try board.pid("haproxy") == pid)
    #expect(try board.ask(port: 8080, "GET / HTTP/1.0\r\n\r\n").contains(" 200 "), "\(board.log)")
  }

  @Test("mosquitto: four commands before the start, reload by signal")
  func mosquitto() throws {
    let board = try ImportedBoard.board("mosquitto.service")
    try board.prepare("mkdir -p /var/lib/mosquitto; chown mosquitto /var/lib/mosquitto")
    try board.launch("mosquitto")
    #expect(board.command(["reload", "mosquitto"]).code == 0, "\(board.log)")
    let sent = try board.debian("mosquitto_pub", "-r", "-t", "swift", "-m", "apus")
    #expect(sent.code == 0, "\(sent.output)\n\(board.log)")
    #expect(try board.debian("mosquitto_sub", "-C", "1", "-t", "swift").output == "apus\n")
  }

  @Test("rpcbind: five addresses, a directory of tmpfiles.d, started by the first question")
  func rpcbind() throws {
    let board = try ImportedBoard.board("rpcbind.service")
    #expect(try board.state("rpcbind") == "listening")
    let answer = try board.debian("rpcinfo", "-T", "tcp", "127.0.0.1", "100000")
    #expect(
      answer.code == 0 && answer.output.contains("ready and waiting"), "\(answer)\n\(board.log)")
    try board.wait(for: "rpcbind", "ready")
  }

  @Test("dbus: the bus starts for its first client, and reads its configuration again")
  func dbus() throws {
    let board = try ImportedBoard.board("dbus.service")
    #expect(try board.state("dbus") == "listening")
    let names = try board.debian(
      "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
      "org.freedesktop.DBus.ListNames")
    #expect(names.output.contains("org.freedesktop.DBus"), "\(names)\n\(board.log)")
    try board.wait(for: "dbus", "ready")
    #expect(board.command(["reload", "dbus"]).code == 0, "\(board.log)")
  }

  @Test("cups: a socket whose daemon asks for nothing else")
  func cups() throws {
    let board = try ImportedBoard.board("cups.service")
    #expect(try board.state("cups") == "listening")
    let answer = try board.debian("lpstat", "-h", "/run/cups/cups.sock", "-r")
    #expect(answer.output == "scheduler is running\n", "\(answer)\n\(board.log)")
  }

  @Test("ssh: the listener of ssh.socket, keys checked before the start")
  func ssh() throws {
    let board = try ImportedBoard.board("ssh.socket")
    try board.prepare("cp /usr/share/openssh/sshd_config /etc/ssh/; ssh-keygen -A")
    #expect(try board.ask(port: 22, "").hasPrefix("SSH-2.0-OpenSSH"), "\(board.log)")
    try board.wait(for: "ssh", "ready")
  }

  @Test("redis: a user of its own, most of the sandbox, limits")
  func redis() throws {
    // Without the image's root what may be missing is kept: the folders are made below.
    let board = try ImportedBoard.board("redis-server.service", usesRoot: false)
    try board.prepare(
      """
      mkdir -p /var/lib/redis /var/log/redis /run/redis
      chown redis:redis /var/lib/redis /var/log/redis /etc/redis /etc/redis/redis.conf
      """)
    try board.launch("redis-server")
    #expect(try board.ask(port: 6379, "PING\r\n") == "+PONG\r\n", "\(board.log)")
    let status = try board.debian("cat", "/proc/\(try board.pid("redis-server"))/status").output
    #expect(status.contains("\nUid:\t109\t109\t109\t109\n") && status.contains("\nSeccomp:\t2\n"))
  }

  @Test("memcached: three capabilities, a wrapper of Debian's, closed devices and kernel")
  func memcached() throws {
    let board = try ImportedBoard.board("memcached.service")
    try board.launch("memcached")
    // A simple service is ready before it listens.
    try board.wait("its version") {
      try board.ask(port: 11211, "version\r\n").hasPrefix("VERSION")
    }
  }

  @Test("lighttpd: its configuration is tested first")
  func lighttpd() throws {
    let board = try ImportedBoard.board("lighttpd.service")
    try board.prepare(
      """
      mkdir -p /var/log/lighttpd /var/cache/lighttpd/compress /var/www/html
      mkdir -p /var/cache/lighttpd/uploads /run/lighttpd; touch /etc/mime.types
      chown www-data /var/log/lighttpd /run/lighttpd /var/cache/lighttpd/uploads
      """)
    try board.launch("lighttpd")
    try board.wait("its answer") {
      try board.ask(port: 80, "GET /none HTTP/1.0\r\n\r\n").contains(" 404 ")
    }
  }

  @Test("cron: a job of the boot runs")
  func cron() throws {
    let board = try ImportedBoard.board("cron.service")
    try board.prepare(
      """
      mkdir -p /var/spool/cron/crontabs /etc/cron.d
      for kind in auth account session; do echo "$kind required pam_permit.so"; done > /etc/pam.d/cron
      cp /etc/pam.d/cron /etc/pam.d/other
      echo '@reboot root touch \(board.path("job"))' > /etc/cron.d/test
      """)
    try board.launch("cron")
    try board.wait("the job") { FileManager.default.fileExists(atPath: board.path("job")) }
  }

  @Test("rsync: a condition on its configuration")
  func rsync() throws {
    let board = try ImportedBoard.board("rsync.service")
    #expect(board.command(["start", "rsync"]).code == 0)
    try board.wait(for: "rsync", "skipped")
    try board.prepare("printf '[swifts]\\npath = /usr/share\\n' > /etc/rsyncd.conf")
    try board.launch("rsync")
    try board.wait("its port") { try board.debian("rsync", "rsync://127.0.0.1/").code == 0 }
    #expect(try board.debian("rsync", "rsync://127.0.0.1/").output.contains("swifts"))
  }
}
