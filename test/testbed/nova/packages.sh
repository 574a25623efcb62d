#!/bin/bash
# MariaDB and RabbitMQ from Debian (no service is started), Keystone, Placement and Nova from PyPI into a virtual environment.
set -e
. "$(dirname "$0")/env.sh"
. "$HERE/../apt.sh"
[ "${1:-up}" = up ] || { echo "usage: $0 up" >&2; exit 2; }
apt_install mariadb-server rabbitmq-server bc python3-venv python3-dev gcc
[ -x "$VENV/bin/nova-compute" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" install -q -r "$HERE/requirements.txt"; }
echo "nova: packages are there"
