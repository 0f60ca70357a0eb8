import ApusBase
import ApusManifest
import Testing

@Suite struct ExampleTests {
  @Test func `The contract's example becomes a table`() throws {
    let loaded = load(
      """
      {
        "apus": 1,
        "system":   { "hostname": "pi", "watchdog": { "device": "/dev/watchdog", "timeout": "15s" } },
        "defaults": { "restart": "on-failure", "noNewPrivileges": true },
        "services": {
          "web": {
            "exec": ["/usr/sbin/httpd", "-f"],
            "listen": [ { "stream": "80", "name": "http" }, { "stream": "/run/web.sock", "mode": "0660", "group": "www" } ],
            "user": "www", "capabilities": [],
            "idleStop": "10min"
          },
          "getty@": { "exec": ["/sbin/getty", "-L", "%i", "115200"], "instances": ["ttyS0"], "tty": "/dev/%i", "restart": "always" }
        }
      }
      """)
    #expect(loaded.errorLines == [])
    #expect(loaded.mainFileUsable)
    #expect(loaded.lines == [])
    let manifest = loaded.manifest
    #expect(manifest.services.map { manifest.string($0.name) } == ["web", "getty@", "getty@ttyS0"])
    let web = try #require(loaded.service("web"))
    #expect(manifest.strings(web.exec) == ["/usr/sbin/httpd", "-f"])
    #expect(web.start == .demand)
    #expect(manifest.listeners.count == 2)
    #expect(manifest.listeners[0].address == .port(80))
    #expect(manifest.string(manifest.listeners[0].name) == "http")
    #expect(manifest.string(manifest.listeners[1].name) == "web")
    #expect(manifest.credentials(of: web).capabilityForm == .list)
    let getty = try #require(loaded.service("getty@ttyS0"))
    #expect(manifest.strings(getty.exec) == ["/sbin/getty", "-L", "ttyS0", "115200"])
    #expect(manifest.string(getty.terminal) == "/dev/ttyS0")
    #expect(manifest.restart(of: getty).policy == .always)
    #expect(getty.start == .boot)
  }
}
