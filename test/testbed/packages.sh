#!/bin/bash
# Everything the testbed needs, from Debian 12 only, with no service started or
# left enabled. "down" purges exactly what "up" newly installed.
# (node 18 or later and npm are expected on the machine.)
. "$(dirname "$0")/lib.sh"
. "$TB_SRC/apt.sh"
LIBVIRT="qemu-system-x86 libvirt-daemon-system libvirt-clients iproute2 util-linux procps busybox-static cpio lxcfs"
SERVICES="prometheus prometheus-alertmanager prometheus-libvirt-exporter victoria-metrics influxdb influxdb-client etcd-server etcd-client redis-server postgresql curl jq"
IMAGE="buildah debootstrap"
NOVA="mariadb-server rabbitmq-server bc python3-venv python3-dev gcc"
REC=${TESTBED_PACKAGES_RECORD:-/var/lib/misc/testbed-packages}   # what "up" added
UNITS="libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket virtlogd.socket virtlogd-admin.socket virtlockd.socket virtlockd-admin.socket libvirt-guests.service lxcfs.service
 prometheus.service prometheus-alertmanager.service prometheus-libvirt-exporter.service victoria-metrics.service influxdb.service etcd.service redis-server.service postgresql.service"

list() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort -u; }
up() {
  need_root; local t0 p f before; t0=$(ms)
  before=$(mktemp); list > "$before"
  apt_install $LIBVIRT $SERVICES $IMAGE $NOVA || die "the packages could not be installed"
  mkdir -p "$(dirname "$REC")"; { cat "$REC" 2>/dev/null || true; list | comm -13 "$before" -; } | sort -u > "$REC.new"; mv "$REC.new" "$REC"; rm -f "$before"
  # Not started now (policy-rc.d), and not at the next boot; only what came in just now.
  for p in $UNITS; do
    f=/lib/systemd/system/$p; [ -e "$f" ] || continue
    if grep -x "$(dpkg -S "$f" 2>/dev/null | cut -d: -f1)" "$REC" >/dev/null; then systemctl disable -q "$p" >/dev/null 2>&1 || true; fi
  done
  say "packages: $(wc -l < "$REC") new in $(( $(ms) - t0 )) ms"
}
down() {
  need_root
  [ -s "$REC" ] || { say "packages: none were added by 'up'"; return; }
  apt-get -o DPkg::Lock::Timeout=600 purge -y -qq $(list | comm -12 "$REC" -) > /dev/null 2>&1 || die "apt-get purge failed: see $REC"
  rm -f "$REC"; say "packages: purged"
}
status() { dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' $LIBVIRT $SERVICES $IMAGE $NOVA 2>/dev/null || true; say "node $(node --version 2>/dev/null || echo missing)"; }
case "${1:-}" in up|down|status) "$1";; *) die "usage: $0 up|down|status";; esac
