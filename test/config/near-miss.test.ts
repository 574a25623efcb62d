import { describe, expect, it } from 'vitest';
import { nearMisses } from '../../src/config/near-miss.js';
import { VARIABLES } from '../../src/config/variables.js';

const meant = (name: string, value = 'x') => nearMisses({ [name]: value });

describe('a variable that looks like one of ours', () => {
  it.each([
    ['WEBHOKO_TOKEN', 'WEBHOOK_TOKEN'],
    ['WEBHOOK_TOKENS', 'WEBHOOK_TOKEN'],
    ['WEBHOOKTOKEN', 'WEBHOOK_TOKEN'],
    ['webhook_token', 'WEBHOOK_TOKEN'],
    ['API_TOKNE', 'API_TOKEN'],
    ['API_TOKEN_FIL', 'API_TOKEN_FILE'],
    ['PROMETHEUS_ULR', 'PROMETHEUS_URL'],
    ['OS_PASWORD', 'OS_PASSWORD'],
    ['METRIC', 'METRICS'],
    ['CLUOD', 'CLOUD'],
    ['AUTOMIGRATE_PORT', 'PORT'],
  ])('%s is told of: %s was meant', (name, known) => {
    expect(meant(name)).toEqual([`${name} is no variable of automigrate: did you mean ${known}?`]);
  });
});

it('ordinary variables say nothing', () => {
  // Of a desktop, a container, a CI runner, a pod of Kubernetes, an openrc file and the images of the stores.
  const ordinary =
    'PATH HOME HOSTNAME HOSTTYPE POSTGRES_HOST USER USERNAME SHELL PWD OLDPWD TERM LANG LANGUAGE LC_ALL LOGNAME MAIL TMPDIR TZ ' +
    'EDITOR DISPLAY COLUMNS LINES NO_COLOR DEBUG SHLVL NODE_ENV NODE_OPTIONS NODE_VERSION NODE_PATH NPM_TOKEN CI CI_TOKEN ' +
    'GH_TOKEN GITHUB_TOKEN HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE NODE_EXTRA_CA_CERTS ' +
    'XDG_RUNTIME_DIR XDG_DATA_DIRS DBUS_SESSION_BUS_ADDRESS SSH_AUTH_SOCK INVOCATION_ID JOURNAL_STREAM LISTEN_FDS LOG_FORMAT ' +
    'KUBERNETES_PORT KUBERNETES_SERVICE_HOST AUTOMIGRATE_SERVICE_HOST AUTOMIGRATE_SERVICE_PORT PROMETHEUS_PORT GRAFANA_PORT ' +
    'OS_PROJECT_ID OS_TENANT_NAME OS_TENANT_ID OS_USER_DOMAIN_ID OS_PROJECT_DOMAIN_ID OS_IDENTITY_API_VERSION OS_AUTH_TYPE ' +
    'OS_TOKEN OS_CERT OS_KEY OS_CLOUD OS_INSECURE OS_VOLUME_API_VERSION INFLUXDB_DB INFLUXDB_USER INFLUXDB_ADMIN_PASSWORD ' +
    'PG_VERSION PGHOST POST PORTS HOSTS AUTOMIGRATE_URL';
  expect(nearMisses(Object.fromEntries(ordinary.split(' ').map((name) => [name, 'x'])))).toEqual([]);
});

it('what Kubernetes tells of a service called automigrate says nothing', () => {
  expect(meant('AUTOMIGRATE_PORT', 'tcp://10.0.0.7:9095')).toEqual([]);
  expect(meant('AUTOMIGRATE_PORT_9095_TCP_ADDR', '10.0.0.7')).toEqual([]);
});

it('no variable of ours says anything, nor does an empty one', () => {
  expect(nearMisses(Object.fromEntries(VARIABLES.map(({ name }) => [name, 'x'])))).toEqual([]);
  expect(meant('WEBHOKO_TOKEN', '')).toEqual([]);
});
