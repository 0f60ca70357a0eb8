import ApusLinux
import Testing

@Suite("What PID 1 reads about modules, mounts and settings")
struct SystemTests {
  private static let index = ModuleIndex(
    Array(
      """
      kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko
      kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko kernel/drivers/virtio/virtio.ko
      kernel/drivers/virtio/virtio.ko:
      kernel/drivers/usb/snd-usb-audio.ko.xz: kernel/sound/core/snd.ko.xz
      kernel/fs/ext4.ko.zst:
      """.utf8))

  private func paths(_ name: String) -> [String]? {
    Self.index.paths(for: Array(name.utf8))?.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("a module comes after everything it needs, farthest first")
  func order() {
    #expect(
      paths("virtio_net") == [
        "kernel/drivers/virtio/virtio.ko", "kernel/net/core/failover.ko",
        "kernel/drivers/net/net_failover.ko", "kernel/drivers/net/virtio_net.ko",
      ])
    #expect(paths("virtio") == ["kernel/drivers/virtio/virtio.ko"])
  }

  @Test("dashes and underscores are the same, compressed modules are found")
  func names() {
    #expect(paths("virtio-net")?.count == 4)
    #expect(
      paths("snd_usb_audio") == [
        "kernel/sound/core/snd.ko.xz", "kernel/drivers/usb/snd-usb-audio.ko.xz",
      ])
    #expect(paths("ext4") == ["kernel/fs/ext4.ko.zst"])
  }

  @Test(
    "a part of a name is not a module",
    arguments: ["", "net", "virtio_ne", "virtio_net.ko", "ext", "failover", "kernel"])
  func strangers(name: String) { #expect(paths(name) == nil) }

  @Test("an index of any bytes names no module by accident")
  func anyIndex() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let letters = Array("a.ko:/ \n-_".utf8)
      let bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
        letters.randomElement(using: &generator) ?? 0
      }
      for path in ModuleIndex(bytes).paths(for: [UInt8(ascii: "a")]) ?? [] {
        #expect(!path.contains(UInt8(ascii: "\n")))
      }
    }
  }

  @Test("mount options become flags, the rest stays text")
  func mountOptions() {
    let options = MountOptions(Array("ro,nosuid,nodev,noexec,noatime,size=4M,mode=0700".utf8))
    #expect(options.flags == 1 | 2 | 4 | 8 | 1024)
    #expect(options.data == Array("size=4M,mode=0700".utf8) + [0])
    #expect(MountOptions([]).data == [0])
    #expect(MountOptions(Array("ro,rw,defaults".utf8)).flags == 0)
    #expect(MountOptions(Array("rbind".utf8)).flags == 4096 | 16384)
    #expect(MountOptions(Array("users,dev,exec,_netdev,x-any.thing=1".utf8)).flags == 2)
    #expect(MountOptions(Array("_netdev,x-any.thing=1,nouser".utf8)).data == [0])
    #expect(MountOptions(Array("rosy,,x".utf8)).data == Array("rosy,x".utf8) + [0])
  }

  @Test("mount points are read as the kernel escapes them")
  func points() {
    let text = """
      rootfs / rootfs rw 0 0
      /dev/sda1 /media/my\\040disk\\134x ext4 rw,relatime 0 0
      broken
      tmpfs /run tmpfs rw 0 0
      """
    #expect(
      mountPoints(in: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
        == ["/", "/media/my disk\\x", "/run"])
  }

  @Test("a kernel setting is a file below /proc/sys")
  func settings() {
    func path(_ setting: String) -> String? {
      settingPath(Array(setting.utf8)).map {
        String(decoding: $0.path, as: UTF8.self) + " " + String(decoding: $0.value, as: UTF8.self)
      }
    }
    #expect(path("net.ipv4.ip_forward=1") == "/proc/sys/net/ipv4/ip_forward 1")
    #expect(
      path("net/ipv4/conf/eth0.1/forwarding=0") == "/proc/sys/net/ipv4/conf/eth0.1/forwarding 0")
    #expect(
      path("net.ipv4.conf.eth0/1.forwarding=0") == "/proc/sys/net/ipv4/conf/eth0.1/forwarding 0")
    #expect(path("kernel.core_pattern=|/bin/x=%p") == "/proc/sys/kernel/core_pattern |/bin/x=%p")
    for refused in ["", "=1", "vm.swappiness", "../../etc/passwd=x", "a/../b=x"] {
      #expect(path(refused) == nil, "\(refused)")
    }
  }
}
