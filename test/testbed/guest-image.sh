#!/bin/bash
# A tiny guest: a Debian cloud kernel (unpacked from its .deb, not installed)
# and a busybox initramfs that burns CPU on demand.
#   kernel command line: burn=PCT   (1 means 100), addr=A.B.C.D/NN (optional)
#   at run time, on the serial console:  "burn PCT"   "dirty MB"
. "$(dirname "$0")/lib.sh"
G=$TB/guest

up() {
  need dpkg-deb busybox cpio
  if [ -s "$G/vmlinuz" ] && [ -s "$G/initrd.gz" ] && [ "$G/initrd.gz" -nt "$TB_SRC/guest-init" ] && [ "$G/initrd.gz" -nt "$TB_SRC/guest-image.sh" ]; then say "guest image: already built"; return; fi
  mkdir -p "$G"; chmod 755 "$TB" "$G"
  local t0; t0=$(ms)
  if ! ls "$G"/linux-image-*.deb >/dev/null 2>&1; then
    local pkg; pkg=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/{print $2; exit}')
    [ -n "$pkg" ] || die "no cloud kernel in the package lists: run apt-get update"
    (cd "$G" && apt-get -o DPkg::Lock::Timeout=600 download -qq -o APT::Sandbox::User=root "$pkg")
  fi
  rm -rf "$G/k" "$G/root"; mkdir -p "$G/k" "$G/root"/{bin,proc,sys,dev,tmp,m}
  dpkg-deb -x "$G"/linux-image-*.deb "$G/k"
  cp "$G"/k/boot/vmlinuz-* "$G/vmlinuz"
  local m f i=0
  # In load order; those the kernel has built in are simply absent.
  for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net virtio_balloon; do
    f=$(find "$G/k/lib/modules" -name "$m.ko*" | head -1)
    [ -z "$f" ] || { i=$((i + 1)); cp "$f" "$G/root/m/$(printf %02d $i)-$m.ko"; }
  done
  cp "$(command -v busybox)" "$G/root/bin/busybox"
  cp "$TB_SRC/guest-init" "$G/root/init"; chmod 755 "$G/root/init"
  (cd "$G/root" && find . | cpio -o -H newc --quiet | gzip -9) > "$G/initrd.gz"
  rm -rf "$G/k" "$G/root"
  say "guest image: built in $(( $(ms) - t0 )) ms ($(stat -c %s "$G/vmlinuz") + $(stat -c %s "$G/initrd.gz") bytes)"
}
down()   { rm -rf "$G"; say "guest image: removed"; }
status() { ls -l "$G/vmlinuz" "$G/initrd.gz" 2>/dev/null || say "guest image: not built"; }
case "${1:-}" in up|down|status) "$1";; *) die "usage: $0 up|down|status";; esac
