/**
 * Imports point down this list, never up: the way of an alert from the door to the journal. Besides that, anything below may
 * import the *types* of the plain data in rules/rule.ts and alerts/alert.ts; balancer/ imports only fleet/ types.
 */
const order = [
  ['main', '^src/main\\.ts$'],
  ['app', '^src/app/'],
  ['cli', '^src/cli/'],
  ['config', '^src/config/'],
  ['http', '^src/http/'],
  ['alerts', '^src/alerts/'],
  ['rules', '^src/rules/'],
  ['intake', '^src/intake/'],
  ['decide', '^src/decide/'],
  ['constraints', '^src/constraints/'],
  ['balancer', '^src/balancer/'],
  ['migration', '^src/migration/'],
  ['verification', '^src/verification/'],
  ['notices', '^src/notices/'],
  ['journal', '^src/journal/'],
  ['fleet', '^src/fleet/'],
  ['common', '^src/common/'],
];
const portTypes = '^src/(rules/rule|alerts/alert)\\.ts$';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: ['^src/main\\.ts$', '\\.d\\.ts$'] },
      to: {},
    },
    {
      // What the page is made of is bundled when it is built.
      name: 'no-unlisted-packages',
      severity: 'error',
      from: { pathNot: '^src/page/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'page-takes-only-types-of-the-api',
      severity: 'error',
      from: { path: '^src/page/' },
      to: { path: '^src/', pathNot: '^src/page/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-imports-the-page',
      severity: 'error',
      from: { pathNot: '^src/page/' },
      to: { path: '^src/page/' },
    },
    {
      name: 'balancer-is-pure',
      severity: 'error',
      from: { path: '^src/balancer/' },
      to: { pathNot: ['^src/balancer/', '^src/fleet/fleet\\.ts$', portTypes] },
    },
    {
      name: 'balancer-imports-only-types',
      severity: 'error',
      from: { path: '^src/balancer/' },
      to: { path: ['^src/fleet/', portTypes], dependencyTypesNot: ['type-only'] },
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
