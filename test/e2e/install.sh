#!/usr/bin/env bash
# Installs what the end-to-end tests need, as root on Debian; otherwise the tests say what is missing and skip.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive

stores="prometheus prometheus-alertmanager victoria-metrics influxdb"
hosts="qemu-system-x86 libvirt-daemon-system libvirt-clients prometheus-libvirt-exporter iproute2 busybox-static cpio lxcfs curl"
packages_of_testbed="${TESTBED:-../shared/testbed}/packages.sh"

missing=
for package in $stores $hosts; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=" $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "end-to-end tests: not installed, and installed only as root on Debian:$missing" >&2
  exit 0
fi
if [ -x "$packages_of_testbed" ]; then exec "$packages_of_testbed" up; fi

# No service is to be started: the tests start their own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing
