# Debian packages without their services (sourced, not run).

# apt_install PACKAGE...: those that are missing; waits for whoever else installs something.
apt_install() {
  local missing= p
  for p; do dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing+=" $p"; done
  [ -n "$missing" ] || return 0
  (
    set -e
    # apt waits for dpkg's lock, but not for that of the package lists; and policy-rc.d is one file for all.
    exec 8> /run/lock/testbed-apt
    flock -w 900 8
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp) own=
    trap '[ -z "$own" ] || rm -f /usr/sbin/policy-rc.d; rm -f "$log"' EXIT
    if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; own=1; fi
    tries=60
    until apt-get -o DPkg::Lock::Timeout=600 update -qq > "$log" 2>&1; do
      tries=$((tries - 1))
      if [ $tries = 0 ] || ! grep -q 'Could not get lock' "$log"; then cat "$log" >&2; exit 1; fi
      sleep 5
    done
    apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends $missing > "$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }
  )
}
