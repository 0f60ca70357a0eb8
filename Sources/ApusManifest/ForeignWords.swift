internal import ApusBase

/// Words of systemd, Docker, supervisord, cron and s6 for what manifests call otherwise.
enum ForeignWords {
  /// Pairs: the word in lower case without `_` and `-`, and the manifest's. A word may stand more than
  /// once; what the place knows of them is meant.
  private static var pairs: Literal {
    """
    command exec cmd exec execstart exec program exec args exec argv exec entrypoint exec run exec \
    binary exec arguments exec execstartpre pre prestart pre execstartpost started \
    poststart started execstop stop execstop exec stopcommand stop killsignal stop killsignal signal \
    killmode stop killmode kill timeoutstopsec stop timeoutstopsec timeout stopsignal stop \
    execstoppost post poststop post execreload reload \
    dependson needs depends needs dependencies needs requires needs require needs requisite needs \
    bindsto needs upholds wants waitsfor wants softdepends wants links needs \
    env environment environmentvariables environment variables environment \
    envfile environmentFile ports listen port listen sockets listen socket listen expose listen \
    listenstream listen listenstream stream stream listen datagram listen listendatagram listen listendatagram datagram \
    listensequentialpacket listen listensequentialpacket seqpacket listenfifo listen \
    listenfifo fifo listennetlink listen listennetlink netlink listenspecial listen \
    listenspecial special bind listen bind stream address stream addr stream tcp stream port stream \
    unix stream path stream udp datagram bindtodevice device interface device \
    enabled start enable start disabled start autostart start onboot start wantedby start \
    startmode start uid user runas user username user setuid user gid group setgid group \
    supplementarygroups groups workdir workingDirectory workingdir workingDirectory cwd workingDirectory \
    chdir workingDirectory directory workingDirectory restartpolicy restart respawn restart \
    autorestart restart restartsec restart restartsec delay delay restart startlimitburst restart \
    startlimitburst limit startlimitintervalsec restart startlimitintervalsec limit \
    memlimit cgroup memlimit memoryMax memory cgroup memory memoryMax memorylimit cgroup memorylimit memoryMax memorymax cgroup \
    memorymax memoryMax memorymin memoryHigh cpuquota cgroup cpuquota cpuMax cpus cgroup cpus cpuMax \
    cpushares cpuWeight tasksmax cgroup tasksmax pidsMax pids pidsMax limitnofile rlimits \
    limitnofile nofile ulimits rlimits ulimit rlimits limits rlimits protectsystem sandbox \
    protectsystem readOnly protecthome sandbox privatetmp sandbox privatedevices sandbox \
    privatenetwork sandbox readonlypaths sandbox readwritepaths write systemcallfilter sandbox \
    systemcallfilter seccomp chroot sandbox chroot root rootdirectory sandbox rootdirectory root \
    capabilityboundingset capabilities ambientcapabilities capabilities capadd capabilities \
    readonly sandbox caps capabilities cap capabilities standardinput stdin standardoutput stdout \
    standarderror stderr logfile log logging log healthcheck health healthcheck ready livenessprobe health \
    livenessprobe ready \
    readinessprobe ready notificationfd ready watchdogsec watchdog oomscore oomScoreAdjust oomscoreadj oomScoreAdjust \
    schedule timer cron timer oncalendar timer oncalendar calendar onbootsec timer \
    onbootsec afterBoot interval every onunitactivesec every randomizeddelaysec jitter \
    ttypath tty syslogidentifier log conditionpathexists conditions conditionpathexists exists \
    pathexists exists runtimedirectory directories runtimedirectory runtime \
    statedirectory directories statedirectory state cachedirectory directories \
    cachedirectory cache logsdirectory directories logsdirectory log logs log \
    configurationdirectory directories configurationdirectory config configuration config \
    etc config path name dir name directory name socketmode mode socketuser user socketgroup group owner user permissions mode runtimemaxsec runtimeMax \
    startlimitaction restart service services units services unit services daemons services \
    version apus timeout stop remainafterexit remain cpuschedulingpolicy scheduler \
    unlessstopped always never no false no true always onerror on-failure daemon forking \
    fork forking background forking dbus simple idle simple task oneshot amd64 x86_64 x64 x86_64 \
    arm64 aarch64 armv8 aarch64 armv7l arm armv7 arm armv6l arm armhf arm
    """
  }

  /// The word of `words` that a foreign one stands for.
  @inline(never) static func meaning(of word: Bytes, in words: WordList) -> Bytes? {
    guard word.count <= 32 else { return nil }
    var plain: Bytes = Rows()
    for byte in word where byte != UInt8(ascii: "_") && byte != UInt8(ascii: "-") {
      plain.add(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)
    }
    let pairs = WordList(ForeignWords.pairs)
    var from = 0
    while let place = pairs.number(of: plain, from: from) {
      let meaning = pairs.word(place | 1)
      if place & 1 == 0, words.number(of: meaning) != nil { return meaning }
      from = place + 1
    }
    return nil
  }

  /// True for a word that says the other way round what `after` says.
  static func isBefore(_ word: Bytes) -> Bool { WordList("before Before").number(of: word) != nil }
}
