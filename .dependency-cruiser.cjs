/**
 * Imports point down this list, never up (the way of an alert). Besides that, anything below may import the *types*
 * of the ports and plain data in fleet/fleet.ts and rules/rule.ts; balancer/ imports nothing else.
 */
const order = [
  ['main', '^src/(main|receiver|receiver-fleet|setup-error|lifetime)\\.ts$'],
  ['cli', '^src/(cli\\.ts$|cli/)'],
  ['config', '^src/(config\\.ts$|config/)'],
  ['service', '^src/(service\\.ts$|service/)'],
  ['http', '^src/http/'],
  ['alerts', '^src/alerts/'],
  ['rules', '^src/rules/'],
  ['fleet', '^src/fleet/'],
  ['balancer', '^src/balancer/'],
  ['migration', '^src/migration/'],
  ['journal', '^src/journal/'],
  ['clock', '^src/clock\\.ts$'],
];
const portTypes = '^src/(fleet/fleet|rules/rule)\\.ts$';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: '^src/main\\.ts$' }, to: {} },
    {
      name: 'no-unlisted-packages',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'balancer-is-pure',
      severity: 'error',
      from: { path: '^src/balancer/' },
      to: { pathNot: ['^src/balancer/', portTypes] },
    },
    {
      name: 'balancer-imports-only-types',
      severity: 'error',
      from: { path: '^src/balancer/' },
      to: { path: portTypes, dependencyTypesNot: ['type-only'] },
    },
    ...order.slice(1).flatMap(([name, path], index) => {
      const above = order.slice(0, index + 1).map(([, up]) => up);
      return [
        {
          name: `${name}-imports-down`,
          severity: 'error',
          from: { path },
          to: { path: above, dependencyTypesNot: ['type-only'] },
        },
        {
          name: `${name}-types-down`,
          severity: 'error',
          from: { path },
          to: { path: above, pathNot: portTypes, dependencyTypes: ['type-only'] },
        },
      ];
    }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
