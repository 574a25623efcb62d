/**
 * Nova 34's rules of its own that let in whoever is an admin, each as it has to be for `context_is_admin` to hold a role more.
 * Nova's database layer shows servers of other projects to such a context only, whatever the other rules say.
 */
const REWRITTEN: Readonly<Record<string, string>> = {
  admin_or_owner: 'rule:real_admin or project_id:%(project_id)s',
  project_manager_or_admin: 'rule:project_manager_api or rule:real_admin',
  project_member_or_admin: 'rule:project_member_api or rule:real_admin',
  project_reader_or_admin: 'rule:project_reader_api or rule:real_admin',
  service_or_admin: 'rule:service_api or rule:real_admin',
  'os_compute_api:os-keypairs:index': '(rule:real_admin) or user_id:%(user_id)s',
  'os_compute_api:os-keypairs:create': '(rule:real_admin) or user_id:%(user_id)s',
  'os_compute_api:os-keypairs:delete': '(rule:real_admin) or user_id:%(user_id)s',
  'os_compute_api:os-keypairs:show': '(rule:real_admin) or user_id:%(user_id)s',
};

/** What automigrate asks Nova for, and who else may. */
const NEEDED: Readonly<Record<string, string>> = {
  'os_compute_api:os-aggregates:index': 'rule:real_admin',
  'os_compute_api:os-extended-server-attributes': 'rule:real_admin',
  'os_compute_api:os-hypervisors:list-detail': 'rule:real_admin',
  'os_compute_api:os-instance-actions:events:details': 'rule:real_admin',
  'os_compute_api:os-instance-actions:events': 'rule:real_admin',
  'os_compute_api:os-instance-actions:show': 'rule:project_reader_or_admin',
  'os_compute_api:os-migrate-server:migrate_live': 'rule:project_manager_or_admin',
  'os_compute_api:os-migrate-server:migrate_live:host': 'rule:real_admin',
  'os_compute_api:os-migrations:index': 'rule:project_manager_or_admin',
  'os_compute_api:os-migrations:index:all_projects': 'rule:real_admin',
  'os_compute_api:os-server-groups:index': 'rule:project_reader_or_admin',
  'os_compute_api:os-server-groups:index:all_projects': 'rule:real_admin',
  'os_compute_api:servers:detail': 'rule:project_reader_or_admin',
  'os_compute_api:servers:detail:get_all_tenants': 'rule:real_admin',
  'os_compute_api:servers:allow_all_filters': 'rule:real_admin',
  'os_compute_api:servers:show': 'rule:project_reader_or_admin',
  'os_compute_api:servers:show:flavor-extra-specs': 'rule:project_reader_or_admin',
  'os_compute_api:servers:migrations:delete': 'rule:project_manager_or_admin',
  'os_compute_api:servers:migrations:index': 'rule:project_manager_or_admin',
  'os_compute_api:os-services:list': 'rule:real_admin',
};

/** What an admin alone may go on doing. */
const ADMIN_ONLY: readonly string[] = [
  'admin_api',
  'os_compute_api:os-admin-actions:reset_state',
  'os_compute_api:os-admin-actions:inject_network_info',
  'os_compute_api:os-aggregates:set_metadata',
  'os_compute_api:os-aggregates:add_host',
  'os_compute_api:os-aggregates:create',
  'os_compute_api:os-aggregates:remove_host',
  'os_compute_api:os-aggregates:update',
  'os_compute_api:os-aggregates:delete',
  'os_compute_api:os-aggregates:show',
  'compute:aggregates:images',
  'os_compute_api:os-availability-zone:detail',
  'os_compute_api:os-baremetal-nodes:list',
  'os_compute_api:os-baremetal-nodes:show',
  'os_compute_api:os-console-auth-tokens',
  'os_compute_api:os-evacuate',
  'os_compute_api:os-flavor-access:add_tenant_access',
  'os_compute_api:os-flavor-access:remove_tenant_access',
  'os_compute_api:os-flavor-access',
  'os_compute_api:os-flavor-extra-specs:create',
  'os_compute_api:os-flavor-extra-specs:update',
  'os_compute_api:os-flavor-extra-specs:delete',
  'os_compute_api:os-flavor-manage:create',
  'os_compute_api:os-flavor-manage:update',
  'os_compute_api:os-flavor-manage:delete',
  'os_compute_api:os-hosts:list',
  'os_compute_api:os-hosts:show',
  'os_compute_api:os-hosts:update',
  'os_compute_api:os-hosts:reboot',
  'os_compute_api:os-hosts:shutdown',
  'os_compute_api:os-hosts:start',
  'os_compute_api:os-hypervisors:list',
  'os_compute_api:os-hypervisors:statistics',
  'os_compute_api:os-hypervisors:show',
  'os_compute_api:os-hypervisors:uptime',
  'os_compute_api:os-hypervisors:search',
  'os_compute_api:os-hypervisors:servers',
  'os_compute_api:os-instance-usage-audit-log:list',
  'os_compute_api:os-instance-usage-audit-log:show',
  'os_compute_api:limits:other_project',
  'os_compute_api:os-lock-server:unlock:unlock_override',
  'os_compute_api:os-migrate-server:migrate:host',
  'os_compute_api:os-migrations:index:host',
  'os_compute_api:os-quota-class-sets:show',
  'os_compute_api:os-quota-class-sets:update',
  'os_compute_api:os-quota-sets:update',
  'os_compute_api:os-quota-sets:delete',
  'os_compute_api:os-server-diagnostics',
  'compute:server:topology:host:index',
  'os_compute_api:servers:index:get_all_tenants',
  'os_compute_api:servers:show:host_status',
  'os_compute_api:servers:show:host_status:unknown-only',
  'os_compute_api:servers:create:forced_host',
  'compute:servers:create:requested_destination',
  'os_compute_api:servers:create:zero_disk_flavor',
  'network:attach_external_network',
  'os_compute_api:servers:migrations:show',
  'os_compute_api:servers:migrations:index:host',
  'os_compute_api:os-services:update',
  'os_compute_api:os-services:delete',
  'os_compute_api:os-shelve:unshelve_to_host',
  'os_compute_api:os-shelve:shelve_offload',
  'os_compute_api:os-simple-tenant-usage:list',
];

const HEADER = `# Least rights for automigrate in Nova: a policy.yaml ([oslo_policy] policy_file), for a user who has the role \`automigrate\`
# in any project, and no other role. Nova reads it again when it changes.
#
# Servers of other projects are hidden from a context that is not admin, whatever the rules of single calls say. So the role is
# in context_is_admin, and every default that means an admin is written out as role:admin: stopping, deleting, resetting, cold
# migration, consoles and all else stay closed to automigrate.
#
# Made from the defaults of Nova 34 (2026.2). For another release compare with \`oslopolicy-policy-generator --namespace nova\`:
# whatever means an admin there and does not stand here would be open to automigrate. Rules of yours go on top.
`;

/** A policy.yaml for Nova under which the role `automigrate` has just what it needs. */
export function openstackPolicy(): string {
  const rules = {
    context_is_admin: 'role:admin or role:automigrate',
    real_admin: 'role:admin',
    ...REWRITTEN,
    ...Object.fromEntries(Object.entries(NEEDED).map(([name, others]) => [name, `(${others}) or role:automigrate`])),
    ...Object.fromEntries(ADMIN_ONLY.map((name) => [name, 'rule:real_admin'])),
  };
  return `${HEADER}${Object.entries(rules)
    .map(([name, check]) => `"${name}": "${check}"\n`)
    .join('')}`;
}
