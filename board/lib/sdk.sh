# The Swift SDK of the boards: `.build/sdk/apus.artifactbundle` holds, per architecture, a sysroot
# (musl, the kernel's headers, libgcc, static libcap) and the options that make Embedded Swift, clang
# and lld produce a static Linux program from it. Needs common.sh and apt.sh.

sdk=$build/sdk
bundle=$sdk/apus.artifactbundle

# Usage: setup_sdk; makes what is missing or made from something else.
setup_sdk() {
  local made_from name
  use_toolchain
  # The options name the sysroot by its absolute path, so a copied tree has to make its own.
  made_from=$({
    cat board/lib/common.sh board/lib/sdk.sh
    printf '%s\n' "$root" "$(swift --version 2>/dev/null)"
  } | digest)
  if is_done sdk "$made_from" && [ -f "$bundle/info.json" ]; then return 0; fi
  apt_prepare
  rm -rf "$sdk.part"
  mkdir -p "$sdk.part/apus.artifactbundle" "$sdk.part/unpacked"
  fetch_capability_source "$sdk.part/unpacked"
  for name in $architectures; do
    architecture "$name"
    progress "making the Swift SDK for $arch"
    fill_sysroot "$sdk.part/unpacked/$arch" "$sdk.part/apus.artifactbundle/$arch/sysroot"
    build_capability "$sdk.part/unpacked" "$sdk.part/apus.artifactbundle/$arch/sysroot"
    write_toolset >"$sdk.part/apus.artifactbundle/$arch/toolset.json"
  done
  write_bundle_description "$sdk.part/apus.artifactbundle"
  # SwiftPM does not see a changed archive or header of the SDK.
  rm -rf "$sdk.part/unpacked" "$sdk" "$build"/device-*
  mv "$sdk.part" "$sdk"
  mark_done sdk "$made_from"
}

# Musl's headers and archives, the kernel's headers and libgcc, in one include and one lib.
fill_sysroot() {
  local unpacked=$1 sysroot=$2
  mkdir -p "$unpacked/debs" "$sysroot/lib"
  (
    cd "$unpacked/debs"
    apt_download "musl-dev:$debian" "linux-libc-dev:$debian" "libgcc-12-dev:$debian"
    for package in ./*.deb; do dpkg-deb -x "$package" "$unpacked/files"; done
  )
  cp -r "$unpacked/files/usr/include/$musl" "$sysroot/include"
  cp -r "$unpacked/files/usr/include/linux" "$unpacked/files/usr/include/asm-generic" \
    "$unpacked/files/usr/include/$gnu/asm" "$sysroot/include"
  cp "$unpacked/files/usr/lib/$musl"/{crt1.o,rcrt1.o,libc.a} \
    "$unpacked/files/usr/lib/gcc/$gnu/12/libgcc.a" "$sysroot/lib"
}

# libcap comes as source: Debian's static archive is for glibc.
fetch_capability_source() {
  progress "fetching the source of libcap"
  (
    cd "$1"
    logged apt-source private_apt apt-get -q source --download-only libcap2
    logged libcap-unpack dpkg-source -x libcap2_*.dsc "$1/libcap"
  )
}

build_capability() {
  local source=$1/libcap-$arch sysroot=$2
  cp -r "$1/libcap" "$source"
  logged "libcap-$arch" make -C "$source/libcap" GOLANG=no PTHREADS=no USE_GPERF=no \
    CC="clang --target=$triple $(c_options "$sysroot" | tr '\n' ' ')" AR=llvm-ar RANLIB=llvm-ranlib \
    BUILD_CC=gcc BUILD_CFLAGS="-O2 -I$source/libcap/include -I/usr/include" libcap.a
  cp "$source/libcap/libcap.a" "$sysroot/lib"
  mkdir -p "$sysroot/include/sys"
  cp "$source/libcap/include/sys/capability.h" "$sysroot/include/sys"
}

# What clang needs for C, one option a line; SwiftPM hands the same to the Clang inside Swift. The
# bare-metal triples do not say that they are for Linux.
c_options() {
  # Thumb is a third smaller than ARM code and runs from ARMv6 on as well.
  [ "$arch" != arm ] || printf '%s\n' -mthumb
  printf '%s\n' -Os -ffunction-sections -fdata-sections -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fno-unwind-tables \
    -D__linux__=1 -DAPUS_DEVICE=1 -nostdlibinc -isystem "$1/include"
}

# What only the Swift compiler needs. The triple stays ARM's, for which the toolchain has a standard
# library; the code generator is told by a feature.
swift_options() {
  printf '%s\n' -Xfrontend -function-sections
  [ "$arch" != arm ] ||
    printf '%s\n' -Xcc -Xclang -Xcc -target-feature -Xcc -Xclang -Xcc +thumb-mode
}

# The options of one architecture, as SwiftPM's toolset (swift-evolution 0387) wants them. Only
# crt1.o starts the program: with crti.o and crtn.o lld orders `.fini` wrongly.
write_toolset() {
  local sysroot=$bundle/$arch/sysroot
  cat <<JSON
{
  "schemaVersion": "1.0",
  "swiftCompiler": {
    "extraCLIOptions": [
$(swift_options | json_strings)
    ]
  },
  "cCompiler": {
    "extraCLIOptions": [
$(c_options "$sysroot" | json_strings)
    ]
  },
  "linker": {
    "extraCLIOptions": [
$(printf '%s\n' "$sysroot/lib/crt1.o" "-L$sysroot/lib" --gc-sections --icf=all -z norelro \
    --build-id=none -lcap -lc -lgcc | json_strings)
    ]
  }
}
JSON
}

# Turns lines into the members of a JSON array. No option holds a quote or a backslash.
json_strings() { sed -e 's/.*/      "&"/' -e '$!s/$/,/'; }

write_bundle_description() {
  local name separator=
  cat >"$1/info.json" <<'JSON'
{
  "schemaVersion": "1.0",
  "artifacts": {
    "apus": { "type": "swiftSDK", "version": "1", "variants": [{ "path": "." }] }
  }
}
JSON
  {
    printf '{\n  "schemaVersion": "4.0",\n  "targetTriples": {\n'
    for name in $architectures; do
      architecture "$name"
      printf '%s    "%s": { "sdkRootPath": "%s/sysroot", "toolsetPaths": ["%s/toolset.json"] }' \
        "$separator" "$triple" "$name" "$name"
      separator=$',\n'
    done
    printf '\n  }\n}\n'
  } >"$1/swift-sdk.json"
}
