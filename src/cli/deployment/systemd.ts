/**
 * A unit of systemd: a user of its own that lives as long as the service, secrets that only the service can read, and nothing of the
 * machine that it does not need.
 * @param program - the path of `automigrate`.
 */
export function systemdUnit(program: string): string {
  return `# /etc/systemd/system/automigrate.service
#
#   install -d -m 755 /etc/automigrate/rules
#   install -m 600 /dev/stdin /etc/automigrate/webhook-token   # then type the token, and Ctrl-D
#   install -m 600 /dev/stdin /etc/automigrate/api-token
#   systemctl daemon-reload && systemctl enable --now automigrate
#
# What else is to be set, such as CLOUD, goes into /etc/automigrate/environment, a line NAME=value each.
[Unit]
Description=automigrate: live migrations from monitoring alerts
Documentation=https://www.npmjs.com/package/@automigrate/receiver
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${program} serve
Environment=RULES_DIR=/etc/automigrate/rules
Environment=DATA_DIR=%S/automigrate
Environment=WEBHOOK_TOKEN_FILE=%d/webhook-token
Environment=API_TOKEN_FILE=%d/api-token
EnvironmentFile=-/etc/automigrate/environment
LoadCredential=webhook-token:/etc/automigrate/webhook-token
LoadCredential=api-token:/etc/automigrate/api-token
Restart=on-failure
RestartSec=5s
TimeoutStopSec=30s

DynamicUser=yes
StateDirectory=automigrate
StateDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# Not MemoryDenyWriteExecute: node compiles as it runs.

[Install]
WantedBy=multi-user.target
`;
}
