#!/bin/sh
# Lays a root of its own over a tree of Debian's, in namespaces of its own, and runs a program
# beside it, not in it: what goes in by chroot(2) is up to the program. What is written there goes
# with the namespace; the folder is in it under its own name.
#
#   root.sh TREE FOLDER PROGRAM ARG…
set -e
tree=$1 folder=$2 root=$2/debian layers=$2/layers
shift 2
mkdir "$root" "$layers"
mount -t tmpfs layers "$layers"
mkdir "$layers/upper" "$layers/work"
mount -t overlay -o "lowerdir=$tree,upperdir=$layers/upper,workdir=$layers/work" root "$root"
mount --bind /proc "$root/proc"
mount --rbind /sys "$root/sys"
for device in null zero full random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
mount -t tmpfs shm "$root/dev/shm"
mkdir -p "$root$folder"
mount --bind "$folder" "$root$folder"
ip link set lo up
exec "$@"
