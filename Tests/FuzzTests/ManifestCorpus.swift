/// Valid manifests; together they hold every kind of value a manifest can.
let manifestCorpus: [String] = [
  #"""
  {
    "apus": 1,
    "system":   { "hostname": "pi", "watchdog": { "device": "/dev/watchdog", "timeout": "15s" } },
    "defaults": { "restart": "on-failure", "noNewPrivileges": true },
    "services": {
      "web": {
        "exec": ["/usr/sbin/httpd", "-f"],
        "listen": [ { "stream": "80", "name": "http" },
                    { "stream": "/run/web.sock", "mode": "0660", "group": "www" } ],
        "user": "www", "capabilities": [], "idleStop": "10min"
      },
      "getty@": { "exec": ["/sbin/getty", "-L", "%i", "115200"], "instances": ["ttyS0"],
                  "tty": "/dev/%i", "restart": "always" }
    }
  }
  """#,
  #"""
  {
    "apus": 1, "$schema": "x", "description": "d", "x-note": { "any": [1.5e3, null] },
    "services": {
      "a": { "exec": ["/bin/a"], "type": "notify", "needs": ["b"], "wants": ["c"], "after": ["c"],
             "watchdog": "10s", "runtimeMax": "1d", "fdStore": 4, "critical": true,
             "stop": { "signal": "SIGINT", "timeout": "1min 30s", "kill": "mixed" },
             "reload": { "signal": "SIGHUP" }, "pre": [["/bin/true"]], "post": [["/bin/x", "y"]],
             "conditions": { "exists": ["/etc", "/run"], "kernelArg": "a=b", "architecture": "aarch64",
                             "fileNotEmpty": "/etc/x", "container": false, "capability": "kill" },
             "ready": { "tcp": "127.0.0.1:80", "interval": "1s", "timeout": "30s" } },
      "b": { "exec": ["/bin/b"], "type": "oneshot", "remain": true, "start": "boot",
             "restart": { "policy": "always", "delay": "100ms", "factor": 1.5, "maxDelay": "30s",
                          "jitter": 0.1, "resetAfter": "60s", "limit": "5/10s", "onLimit": "stop",
                          "neverOn": [1, "SIGTERM"], "alwaysOn": [3] },
             "successExit": [0, "SIGINT"], "onFailure": ["c"] },
      "c": { "exec": ["/bin/c"], "start": "manual", "user": 1000, "group": "www", "groups": [4, "a"],
             "capabilities": "^cap_net_raw,!cap_sys_admin", "secureBits": ["noroot"],
             "umask": "0027", "nice": -5, "oomScoreAdjust": 100, "cpuAffinity": "0-1,3",
             "rlimits": { "nofile": "1024:4096", "core": 0, "as": "64M" },
             "environment": { "A": "b", "PATH": "/bin" }, "environmentFile": "/etc/env",
             "workingDirectory": "/tmp", "directories": { "runtime": ["c"], "state": ["c", { "name": "c/d", "mode": "0700", "group": "w" }] },
             "stdin": "null", "stdout": "file:/tmp/o", "stderr": "console" }
    }
  }
  """#,
  #"""
  {
    "apus": 1,
    "system": { "hostname": "x", "modules": ["a"], "sysctl": { "kernel.printk": "3" },
                "mounts": [{ "source": "tmpfs", "target": "/t", "type": "tmpfs" }],
                "rescue": ["/bin/sh"], "ctrlAltDel": "reboot", "shutdownTimeout": "30s" },
    "services": {
      "net": {
        "exec": ["/bin/net"], "trigger": "20/2s", "accept": true, "stdio": "socket",
        "maxConnections": 8, "maxConnectionsPerSource": 2,
        "listen": [ { "stream": "[::1%lo]:22", "backlog": 5, "noDelay": true, "mark": 1 },
                    { "stream": "@abstract" }, { "stream": "10.0.0.1:80", "freeBind": false } ]
      },
      "more": {
        "exec": ["/bin/more"],
        "listen": [ { "datagram": "514" }, { "seqpacket": "/run/s", "symlinks": ["/run/l"] },
                    { "fifo": "/run/f", "pipeSize": "64K" }, { "special": "/dev/kmsg" },
                    { "netlink": "kobject-uevent 1" }, { "stream": "vsock:2:80" } ]
      },
      "limits": {
        "exec": ["/bin/limits", "%%"], "timer": { "every": "1h", "calendar": "*-*-* 03:00" },
        "cgroup": { "memoryMax": "32M", "pidsMax": 64, "cpuMax": "50%", "oomGroup": true },
        "sandbox": { "readOnly": true, "write": ["/var"], "seccomp": "default" },
        "log": { "ring": "16K", "file": "/var/log/x", "fileMax": "256K", "rate": "500/1s" },
        "scheduler": { "policy": "fifo", "priority": 10 }, "ioPriority": "best-effort:4"
      }
    }
  }
  """#,
]
