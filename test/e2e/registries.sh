#!/usr/bin/env bash
# What Debian lacks or has old, from the Go module proxy and PyPI, into .e2e/bin; a version once built is kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
to=$PWD/.e2e
mkdir -p "$to/bin"

# build NAME MODULE VERSION PACKAGE [go build options]
build() {
  local name=$1 module=$2 version=$3 package=$4 source; shift 4
  [ "$(cat "$to/$name.version" 2>/dev/null)" != "$version" ] || return 0
  if ! command -v go >/dev/null; then echo "end-to-end tests: no Go, so no $name $version" >&2; return 0; fi
  source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  rm -rf "$to/source"; cp -r "$source" "$to/source"; chmod -R u+w "$to/source"
  # Alertmanager embeds its page, which is built by npm and not in the module.
  if [ "$name" = alertmanager ]; then mkdir -p "$to/source/ui/app/dist"; : > "$to/source/ui/app/dist/index.html"; fi
  (cd "$to/source" && go build -trimpath -o "$to/bin/$name" "$@" "$package")
  rm -rf "$to/source"
  echo "$version" > "$to/$name.version"
  echo "end-to-end tests: built $name $version (${SECONDS}s)"
}

build alertmanager github.com/prometheus/alertmanager v0.35.0 ./cmd/alertmanager
# Debian has a vmalert too.
build vmalert-newest github.com/VictoriaMetrics/VictoriaMetrics v1.151.0 ./app/vmalert
# All its plugins would take many minutes.
build telegraf github.com/influxdata/telegraf v1.37.2 ./cmd/telegraf \
  -tags custom,inputs.cpu,inputs.mem,inputs.libvirt,outputs.influxdb,outputs.prometheus_client

exporter=3.10.2
if [ "$(cat "$to/pve_exporter.version" 2>/dev/null)" != $exporter ]; then
  python3 -m venv "$to/pve"
  "$to/pve/bin/pip" install -q "prometheus-pve-exporter==$exporter"
  ln -sf ../pve/bin/pve_exporter "$to/bin/pve_exporter"
  echo $exporter > "$to/pve_exporter.version"
fi
