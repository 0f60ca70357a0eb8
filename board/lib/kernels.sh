# Debian's kernels, unpacked and never committed. Needs common.sh and apt.sh.
#
# .build/board/kernels/ARCH/ holds the package's tree; beside it `vmlinuz`, `modules` and `dtbs`
# point to what changes its name with every version.

# Usage: kernel_of ARCH; sets the meta package.
kernel_of() {
  case $1 in
  x86_64) echo linux-image-cloud-amd64 ;;
  aarch64) echo linux-image-arm64 ;;
  arm) echo linux-image-rpi ;;
  esac
}

setup_kernels() {
  local name
  for name in $architectures; do setup_kernel "$name"; done
}

setup_kernel() {
  local directory made_from package
  architecture "$1"
  directory=$board/kernels/$arch
  made_from=$(cat board/lib/kernels.sh | digest)
  if is_done "kernel-$arch" "$made_from" && [ -e "$directory/vmlinuz" ]; then return 0; fi
  apt_prepare
  package=$(kernel_package "$(kernel_of "$arch")" "$debian")
  progress "fetching the kernel $package"
  rm -rf "$directory" "$directory.part"
  mkdir -p "$directory.part"
  (
    cd "$directory.part"
    apt_download "$package"
    dpkg-deb -x ./*.deb .
    rm ./*.deb
    ln -s boot/vmlinuz-* vmlinuz
    ln -s lib/modules/* modules
    if [ -d usr/lib/linux-image-* ]; then ln -s usr/lib/linux-image-* dtbs; fi
  )
  mv "$directory.part" "$directory"
  mark_done "kernel-$arch" "$made_from"
}
