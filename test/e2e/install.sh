#!/usr/bin/env bash
# Installs what the end-to-end tests need, as root on Debian; otherwise the tests say what is missing and skip.
set -euo pipefail
cd "$(dirname "$0")"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  ../testbed/packages.sh up
  # What the page is tested in, with letters for both its languages.
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 chromium fonts-dejavu-core fonts-noto-cjk >/dev/null
  ./registries.sh
  if [ "${NIGHTLY:-}" = 1 ]; then
    # Where nova.ts looks for it.
    NOVA_VENV="${NOVA_VENV:-/tmp/automigrate-nova-venv}" ../testbed/nova/packages.sh up
  fi
else
  echo "end-to-end tests: what is missing is installed only as root on Debian" >&2
fi
