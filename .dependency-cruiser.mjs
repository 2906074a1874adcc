// The arrows of the architecture (docs/architecture.md, "Rooms and arrows"): a module may import only what stands left of it.
//   kernel <- domain <- {policy, store, jobs, auth} <- {api/*, control/*} <- {app, cli}
const no = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

export default {
  forbidden: [
    no('no-cycles', {}, { circular: true }, 'a cycle hides which module owns a thing'),
    no(
      'kernel-is-leaf',
      { path: '^src/kernel/' },
      { path: '^src/(?!kernel/)' },
      'kernel imports nothing of ours',
    ),
    no(
      'domain-on-kernel',
      { path: '^src/domain/', pathNot: '\\.test\\.ts$' },
      { path: '^src/(?!kernel/|domain/)' },
      'domain declares ports; others implement them',
    ),
    no(
      'domain-has-no-io',
      { path: '^src/(domain|policy)/', pathNot: '\\.test\\.ts$' },
      { path: '^(node:)?(fs|net|http|https|http2|tls|dgram|child_process)(/|$)|^(kysely|pg|fastify)$' },
      'domain and policy are free of I/O',
    ),
    no(
      'policy-is-pure',
      { path: '^src/policy/' },
      { path: '^src/(?!kernel/|domain/model/|policy/)' },
      'policy sees plain models only',
    ),
    no(
      'effective-policy-below-edges',
      { path: '^src/effective-policy/', pathNot: '\\.test\\.ts$' },
      { path: '^src/(?!kernel/|domain/|policy/|effective-policy/)' },
      'the effective policy joins domain and policy, for every edge to use',
    ),
    no(
      'store-below-api',
      { path: '^src/(store|jobs|auth)/' },
      { path: '^src/(api|control|app|cli)(/|\\.ts$)' },
      'lower layers do not know the edges',
    ),
    no(
      'api-not-store',
      { path: '^src/api/' },
      { path: '^src/(store|control|app|cli)(/|\\.ts$)' },
      'a dialect calls domain services only',
    ),
    no(
      'dialects-apart',
      { path: '^src/api/([^/]+)/' },
      { path: '^src/api/(?!$1/|shared/)' },
      'a dialect never imports another',
    ),
    no(
      'control-not-api',
      { path: '^src/control/' },
      { path: '^src/(api|store|app|cli)(/|\\.ts$)' },
      'control and api meet in domain services and the change feed',
    ),
    no(
      'wire-is-leaf',
      { path: '^src/control/wire/' },
      { path: '^src/(?!control/wire/)' },
      'wire types hold no logic',
    ),
    no(
      'gateway-agent-alone',
      { path: '^src/gateway-agent/', pathNot: '\\.test\\.ts$' },
      { path: '^src/(?!kernel/|gateway-agent/)' },
      'the agent runs on other machines and knows the server by its HTTP API',
    ),
    no(
      'sql-in-the-store-alone',
      { path: '^src/(?!store/|app/data-lock\\.ts$)' },
      { path: '^node_modules/(kysely|pg)/|^(node:)?sqlite$' },
      'whoever wants rows asks the store; the lock of a data directory is a file of SQLite',
    ),
    no(
      'config-knows-nothing',
      { path: '^src/config/', pathNot: '\\.test\\.ts$' },
      { path: '^src/(?!kernel/|domain/|config/)' },
      'settings are read and checked; what they are for is others’ business',
    ),
    no(
      'config-for-the-composition',
      { path: '^src/', pathNot: '^src/(config|app|cli)/|^src/(app|main)\\.ts$|\\.test\\.ts$' },
      { path: '^src/config/' },
      'parts are given what they need',
    ),
    no(
      'commands-are-not-imported',
      { path: '^src/(?!cli/|main\\.ts$)', pathNot: '\\.test\\.ts$' },
      { path: '^src/cli/' },
      'the composition knows of no command',
    ),
    no(
      'src-not-tests',
      { path: '^src/', pathNot: '\\.test\\.ts$' },
      { path: '^(tests|bench)/' },
      'the product does not lean on its tests',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js'] },
  },
};
