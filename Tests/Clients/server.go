// A server on what go-systemd's activation package finds: listeners by name (argument "stream") or
// packet sockets (argument "datagram"). It answers a connection or a datagram with its pid, the
// listener's name and how many of its variables are left, and says READY=1 by go-systemd's daemon
// package.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/activation"
	"github.com/coreos/go-systemd/daemon"
)

func answer(name string) []byte {
	left := 0
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		if _, found := os.LookupEnv(name); found {
			left++
		}
	}
	return []byte(fmt.Sprintf("%d %s %d\n", os.Getpid(), name, left))
}

func serve(name string, listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		client.Write(answer(name))
		client.Close()
	}
}

func echo(socket net.PacketConn) {
	buffer := make([]byte, 512)
	for {
		_, peer, err := socket.ReadFrom(buffer)
		if err != nil {
			panic(err)
		}
		socket.WriteTo(answer("datagram"), peer)
	}
}

func main() {
	if os.Args[1] == "stream" {
		named, err := activation.ListenersWithNames()
		if err != nil {
			panic(err)
		}
		for name, listeners := range named {
			for _, listener := range listeners {
				go serve(name, listener)
			}
		}
	} else {
		sockets, err := activation.PacketConns()
		if err != nil {
			panic(err)
		}
		for _, socket := range sockets {
			go echo(socket)
		}
	}
	if sent, err := daemon.SdNotify(true, daemon.SdNotifyReady); !sent || err != nil {
		panic(fmt.Sprint("not notified: ", err))
	}
	select {}
}
