import Testing

/// A program of the catalogue: what a person would have configured, a question, and its answer.
struct CatalogueCase: CustomTestStringConvertible, Sendable {
  /// The file's name without `.json`.
  var name: String
  /// The service that is looked at.
  var service: String
  /// A shell script that makes what the program needs, before apus starts in the root.
  var prepare = ""
  /// True for what is started by hand.
  var start = false
  /// True for what has to be ready before it is asked.
  var waits = false
  /// A shell script that asks; `talk` and `fastcgi` are functions for it.
  var ask: String
  /// What is in its output.
  var answer: String

  var testDescription: String { name }

  init(
    _ name: String, service: String? = nil, prepare: String = "", start: Bool = false,
    waits: Bool = false, ask: String, answer: String
  ) {
    self.name = name
    self.service = service ?? name
    self.prepare = prepare
    self.start = start
    self.waits = waits
    self.ask = Self.functions + ask
    self.answer = answer
  }

  static let all = data + logins + web + network + watching + containers

  /// `talk PORT|PATH TEXT [LINES]` sends a text with Perl's escapes and prints the answer, to its end or so
  /// many lines of it; `fastcgi PATH SCRIPT` asks a FastCGI server for a GET of a script.
  private static let functions = #"""
    talk() {
      perl -MIO::Socket::INET -MIO::Socket::UNIX -e '
        my ($place, $text, $lines) = @ARGV;
        my $server = $place =~ m{^/} ? IO::Socket::UNIX->new(Peer => $place)
          : IO::Socket::INET->new("127.0.0.1:$place");
        $server or die "$place: $!";
        print $server eval qq("$text");
        for (1 .. $lines || 1e6) { defined($_ = <$server>) ? print : last }' "$@"
    }
    fastcgi() {
      perl -MIO::Socket::UNIX -e '
        sub record { pack("CCnnCC", 1, $_[0], 1, length $_[1], 0, 0) . $_[1] }
        my %words = (SCRIPT_FILENAME => $ARGV[1], REQUEST_METHOD => "GET");
        my $words = join "", map { pack("CC", length, length $words{$_}) . $_ . $words{$_} } keys %words;
        my $server = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$ARGV[0]: $!";
        print $server record(1, pack "nCx5", 1, 0), record(4, $words), record(4, ""), record(5, "");
        print <$server>' "$@"
    }

    """#

  private static let data = [
    CatalogueCase(
      "redis", waits: true, ask: "redis-cli set a kept; redis-cli get a", answer: "kept"),
    CatalogueCase(
      "memcached", waits: true,
      ask: #"talk /run/memcached/memcached.sock 'version\r\nquit\r\n'"#, answer: "VERSION"),
    CatalogueCase(
      "mosquitto", waits: true,
      ask: "mosquitto_pub -r -t a -m kept && mosquitto_sub -t a -C 1 -W 5", answer: "kept"),
    CatalogueCase(
      "postgresql",
      prepare: """
        for folder in /var/lib/postgresql /run/postgresql /var/log/postgresql; do
          mkdir -p $folder
          chown postgres:postgres $folder
        done
        pg_createcluster --locale=C 15 main -- --no-sync >/dev/null
        """, waits: true,
      ask: """
        chroot --userspec=postgres / /usr/lib/postgresql/15/bin/psql -h /run/postgresql -Atqc \
        'select 6 * 7'
        """, answer: "42"),
    CatalogueCase(
      "dbus",
      ask: """
        dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
        """, answer: "string \""),
    CatalogueCase("cups", ask: "lpstat -h /run/cups/cups.sock -r", answer: "is running"),
    CatalogueCase(
      "mpd",
      prepare: """
        cat >/etc/mpd.conf <<END
        music_directory "/var/lib/mpd/music"
        playlist_directory "/var/lib/mpd/playlists"
        db_file "/var/lib/mpd/tag_cache"
        log_file "/var/log/mpd/log"
        audio_output {
          type "null"
          name "nothing"
        }
        END
        """, ask: #"talk 6600 'status\nclose\n'"#, answer: "OK MPD"),
    CatalogueCase(
      "gpg-agent", ask: "talk /run/gnupg/S.gpg-agent '' 1", answer: "OK Pleased to meet you"),
  ]

  private static let key = """
    ln -sf dash /bin/bash
    echo /bin/bash >/etc/shells
    mkdir -p -m 0700 ~root/.ssh
    chmod 0700 /root
    ssh-keygen -q -t ed25519 -N '' -f /tmp/key
    cp /tmp/key.pub ~root/.ssh/authorized_keys
    echo 'UsePAM no' >/etc/ssh/sshd_config
    """
  private static let ssh = """
    ssh -i /tmp/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 \
    'echo in as $(id -u)'
    """

  private static let logins = [
    CatalogueCase("openssh", service: "ssh", prepare: key, ask: ssh, answer: "in as 0"),
    CatalogueCase("dropbear", prepare: key, ask: ssh, answer: "in as 0"),
    CatalogueCase(
      "rsyncd",
      prepare: """
        mkdir -p /srv/files
        echo kept >/srv/files/a
        printf 'use chroot = no\\n[files]\\n path = /srv/files\\n' >/etc/rsyncd.conf
        """, ask: "rsync rsync://127.0.0.1/files/a /tmp/b && cat /tmp/b", answer: "kept"),
    CatalogueCase(
      "vsftpd",
      prepare: """
        mkdir -p /srv/ftp
        busybox sed -i '/^ftp:/s,/nonexistent,/srv/ftp,' /etc/passwd
        printf 'listen=NO\\nlisten_ipv6=NO\\nanonymous_enable=YES\\n' >/etc/vsftpd.conf
        printf 'secure_chroot_dir=/run/vsftpd/empty\\n' >>/etc/vsftpd.conf
        """, ask: #"talk 21 'USER anonymous\r\nPASS a\r\nQUIT\r\n'"#, answer: "230 "),
    CatalogueCase(
      "tftpd", prepare: "mkdir -p /srv/tftp; echo kept >/srv/tftp/a",
      ask: "cd /tmp; busybox tftp -g -r a -l b 127.0.0.1; cat b", answer: "kept"),
  ]

  private static let get = #"'GET / HTTP/1.0\r\nHost: a\r\n\r\n'"#

  private static let web = [
    CatalogueCase(
      "lighttpd",
      prepare: """
        busybox sed -i -e /include_shell/d -e /pid-file/d /etc/lighttpd/lighttpd.conf
        echo 'server.systemd-socket-activation = "enable"' >>/etc/lighttpd/lighttpd.conf
        mkdir -p /var/www/html
        echo page >/var/www/html/index.html
        """, ask: "talk 80 \(get)", answer: "\r\npage"),
    CatalogueCase(
      "httpd",
      prepare: """
        ln -s /bin/busybox /usr/sbin/httpd
        mkdir -p /var/www/data
        echo page >/var/www/data/index.html
        """, ask: "talk 80 \(get)", answer: "\r\npage"),
    CatalogueCase(
      "nginx",
      prepare: """
        mkdir -p /etc/nginx/conf.d /etc/nginx/sites-enabled
        echo 'server { listen 80; location / { return 200 page; } }' >/etc/nginx/conf.d/a.conf
        """, waits: true, ask: "talk 80 \(get)", answer: "\r\npage"),
    CatalogueCase(
      "haproxy",
      prepare: """
        cat >/etc/haproxy/haproxy.cfg <<END
        global
          user haproxy
          group haproxy
        defaults
          mode http
          timeout connect 5s
          timeout client 5s
          timeout server 5s
        listen all
          bind :8000
          http-request return status 200 content-type text/plain string page
        END
        """, waits: true, ask: "talk 8000 \(get)", answer: "\r\npage"),
    CatalogueCase(
      "php-fpm",
      prepare: """
        mkdir -p /srv /etc/php/8.2/fpm
        echo '<?php echo strrev("elpmas");' >/srv/a.php
        cat >/etc/php/8.2/fpm/php-fpm.conf <<END
        [global]
        error_log = /dev/stderr
        [www]
        user = www-data
        group = www-data
        listen = /run/php/php-fpm.sock
        pm = static
        pm.max_children = 1
        END
        """, ask: "fastcgi /run/php/php-fpm.sock /srv/a.php", answer: "sample"),
    CatalogueCase(
      "fcgiwrap",
      prepare: """
        mkdir -p /srv
        printf '#!/bin/sh\\nprintf "Status: 200\\\\n\\\\npage of $(id -u)"\\n' >/srv/a.cgi
        chmod 0755 /srv/a.cgi
        """, ask: "fastcgi /run/fcgiwrap.sock /srv/a.cgi", answer: "page of 33"),
    CatalogueCase(
      "node-app",
      prepare: """
        mkdir -p /srv/app
        cat >/srv/app/server.js <<END
        require('http').createServer((request, response) => response.end('page of ' + process.getuid()))
          .listen({fd: 3})
        END
        """, ask: "talk 8080 \(get)", answer: "page of 65534"),
  ]

  private static let network = [
    CatalogueCase(
      "unbound",
      prepare: """
        mkdir -p /etc/unbound
        cat >/etc/unbound/unbound.conf <<END
        server:
          chroot: ""
          username: unbound
          interface: 127.0.0.1
          use-syslog: no
          local-zone: test. static
          local-data: "a.test. A 192.0.2.7"
        END
        """, waits: true, ask: "busybox nslookup -type=a a.test 127.0.0.1", answer: "192.0.2.7"),
    CatalogueCase(
      "dnsmasq",
      prepare: "printf 'no-resolv\\nno-hosts\\naddress=/a.test/192.0.2.7\\n' >/etc/dnsmasq.conf",
      waits: true, ask: "busybox nslookup -type=a a.test 127.0.0.1", answer: "192.0.2.7"),
    CatalogueCase(
      "avahi",
      prepare: "busybox sed -i s/#enable-dbus=yes/enable-dbus=no/ /etc/avahi/avahi-daemon.conf",
      ask: #"talk /run/avahi-daemon/socket 'HELP\n' 1"#, answer: "+ "),
    CatalogueCase("rpcbind", ask: "rpcinfo -p 127.0.0.1", answer: "100000"),
    CatalogueCase(
      "ifupdown", service: "network",
      prepare: """
        cat >/etc/network/interfaces <<END
        auto wire0
        iface wire0 inet static
          address 192.0.2.1/24
          pre-up ip link add wire0 type veth peer name wire1
        END
        """, waits: true, ask: "ip -o -4 address", answer: "192.0.2.1/24"),
    CatalogueCase(
      "udhcpc", service: "udhcpc@eth0",
      prepare: """
        ln -s /bin/busybox /sbin/udhcpc
        ip link add eth0 type veth peer name eth1
        ip address add 192.0.2.1/24 dev eth1
        ip link set eth1 up
        ip link set eth0 up
        mkdir -p /etc/udhcpc
        cat >/etc/udhcpc/default.script <<'END'
        #!/bin/sh
        [ "$1" != bound ] || ip address add $ip/24 dev $interface
        END
        chmod 0755 /etc/udhcpc/default.script
        cat >/etc/udhcpd.conf <<END
        interface eth1
        start 192.0.2.20
        end 192.0.2.30
        lease_file /tmp/leases
        END
        : >/tmp/leases
        busybox udhcpd -f /etc/udhcpd.conf &
        """, ask: "ip -o -4 address", answer: "eth0    inet 192.0.2.2"),
    CatalogueCase(
      "network-static", service: "network",
      prepare: "ip link add eth0 type veth peer name eth1; ip link set eth1 up", waits: true,
      ask: "ip -o -4 address; ip route", answer: "default via 192.0.2.1"),
    CatalogueCase(
      "chrony",
      prepare: """
        mkdir -p /etc/chrony
        printf 'user _chrony\\nlocal stratum 3\\nport 0\\n' >/etc/chrony/chrony.conf
        """, waits: true, ask: "chronyc -h /run/chrony/chronyd.sock tracking",
      answer: "Stratum         : 3"),
  ]

  private static let watching = [
    CatalogueCase(
      "snmpd",
      prepare: """
        cat >/etc/snmp/snmpd.conf <<END
        agentaddress udp:127.0.0.1:161
        rocommunity public 127.0.0.1
        sysLocation here
        END
        """, waits: true, ask: "snmpget -v2c -c public -Oqv 127.0.0.1 1.3.6.1.2.1.1.6.0",
      answer: "here"),
    CatalogueCase(
      "collectd",
      prepare: """
        cat >/etc/collectd/collectd.conf <<END
        FQDNLookup false
        LoadPlugin load
        LoadPlugin unixsock
        <Plugin unixsock>
          SocketFile "/run/collectd.sock"
        </Plugin>
        END
        """, waits: true, ask: #"talk /run/collectd.sock 'LISTVAL\n' 1"#, answer: "found"),
    CatalogueCase(
      "zabbix-agent",
      prepare: """
        mkdir -p /etc/zabbix
        printf 'PidFile=/run/zabbix/agent.pid\\nLogType=console\\nServer=127.0.0.1\\n' \\
          >/etc/zabbix/zabbix_agentd.conf
        """, waits: true, ask: #"talk 10050 'ZBXD\x01\x0a\0\0\0\0\0\0\0agent.ping'"#, answer: "ZBXD"
    ),
    CatalogueCase("gpsd", prepare: ": >/dev/ttyAMA0", ask: "talk 2947 '' 1", answer: "VERSION"),
    CatalogueCase(
      "haveged", waits: true,
      ask: "busybox grep CapEff /proc/$(busybox pidof haveged)/status", answer: "0000000000200000"),
    CatalogueCase(
      "iperf3", start: true, waits: true, ask: "iperf3 -c 127.0.0.1 -n 1M", answer: "iperf Done"),
    CatalogueCase(
      "cron",
      prepare: "echo crontab:x:120: >>/etc/group; mkdir -p /var/spool/cron/crontabs", waits: true,
      ask: "kill -0 $(cat /run/crond.pid) && echo runs", answer: "runs"),
    CatalogueCase(
      "syslogd",
      prepare: "for name in syslogd klogd; do ln -s /bin/busybox /sbin/$name; done", waits: true,
      ask: "busybox logger hello; busybox logread", answer: "hello"),
  ]

  private static let containers = [
    CatalogueCase(
      "docker",
      prepare: """
        echo docker:x:130: >>/etc/group
        mkdir -p /etc/docker
        echo '{"iptables": false, "bridge": "none", "storage-driver": "vfs"}' >/etc/docker/daemon.json
        """, ask: #"talk /run/docker.sock 'GET /_ping HTTP/1.0\r\nHost: a\r\n\r\n'"#, answer: "\nOK"
    ),
    CatalogueCase("containerd", waits: true, ask: "ctr version", answer: "Server:"),
  ]
}
