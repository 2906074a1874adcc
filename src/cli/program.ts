/** The command line: names, arguments and options. Each command's work is in a file of its own, loaded when it is called. */
import { Command } from 'commander';
import { locationOptions, type OptionName, serveOptions } from '../config/options.ts';
import type { CommandContext } from './command-context.ts';
import { addSettings, describeCommand, type ParsedOptions } from './command-options.ts';

const LOCATION = Object.keys(locationOptions) as OptionName[];
const SERVE = [...LOCATION, ...(Object.keys(serveOptions) as OptionName[])];

export function createProgram(context: CommandContext): Command {
  const program = new Command('holdfast')
    .description('Self-hosted control plane for private networks')
    .exitOverride()
    // Errors are told once, as a sentence, by runProgram.
    .configureOutput({ writeErr: () => undefined, writeOut: (text) => context.print(text.trimEnd()) })
    .configureHelp({
      optionDescription: ({ description, mandatory }) =>
        mandatory ? `${description} (required)` : description,
    })
    .showHelpAfterError(false);
  addServerCommands(program, context);
  addAccessCommands(program, context);
  addPolicyCommands(program, context);
  addGatewayCommands(program, context);
  addOperationCommands(program, context);
  return program;
}

function addServerCommands(program: Command, context: CommandContext): void {
  addSettings(
    describeCommand(
      program.command('serve'),
      'run the server',
      'serve --data /var/lib/holdfast',
      'serve --listen 0.0.0.0:8484 --public-url http://10.0.0.5:8484',
    ),
    SERVE,
  ).action(async (options: ParsedOptions) => (await import('./serve.ts')).serve(context, options));

  addSettings(
    describeCommand(
      program.command('init'),
      'create an organization and its owner',
      'init --org acme --domain example.com --owner ada@example.com --json',
    ),
    LOCATION,
  )
    .requiredOption('--org <LABEL>', 'label of the organization: a-z, 0-9 and hyphen')
    .requiredOption('--owner <EMAIL>', 'e-mail address of the owner')
    .option('--domain <DOMAIN>', 'mail domain of the organization, such as example.com')
    .option('--name <NAME>', 'name of the organization; default its label')
    .option('--password-file <FILE>', 'file with the first password of the owner')
    .action(async (options: ParsedOptions) => (await import('./init.ts')).init(context, options));

  const token = program.command('token').description('API tokens');
  addSettings(
    describeCommand(
      token.command('create'),
      'create an API token for a member',
      'token create --org acme --user ada@example.com --scopes devices:read --expires 30d',
    ),
    LOCATION,
  )
    .requiredOption('--org <LABEL>', 'label of the organization')
    .requiredOption('--user <EMAIL>', 'e-mail address or user name of the member')
    .option('--scopes <LIST>', 'scopes separated by commas; default all that the role allows')
    .option('--expires <DURATION>', 'lifetime, such as 30d or 12h; default 90d')
    .option('--description <TEXT>', 'what the token is for')
    .action(async (options: ParsedOptions) =>
      (await import('./token-create.ts')).tokenCreate(context, options),
    );

  const twingate = program.command('twingate').description("Twingate's tools with this installation");
  addSettings(
    describeCommand(
      twingate.command('quickstart'),
      'print a provider block and an example for Terraform',
      'twingate quickstart --org acme --public-url https://net.example.com',
    ),
    SERVE,
  )
    .requiredOption('--org <LABEL>', 'label of the organization')
    .action(async (options: ParsedOptions) =>
      (await import('./twingate-quickstart.ts')).twingateQuickstart(context, options),
    );
}

function addAccessCommands(program: Command, context: CommandContext): void {
  const access = program.command('access').description('time-boxed access to a resource');
  addSettings(
    describeCommand(
      access.command('request'),
      'ask for access that is locked to a person',
      'access request --org acme --user ada@example.com --resource database --for 2h --reason "restore"',
    ),
    LOCATION,
  )
    .requiredOption('--org <LABEL>', 'label of the organization')
    .requiredOption('--user <EMAIL>', 'e-mail address or user name of who needs the access')
    .requiredOption('--resource <NAME>', 'name or id of the resource')
    .option('--for <DURATION>', 'how long, such as 2h; default as long as the terms of the access give')
    .option('--reason <TEXT>', 'what it is for')
    .action(async (options: ParsedOptions) => (await import('./access.ts')).accessRequest(context, options));
  for (const decision of ['approve', 'reject'] as const) {
    addSettings(
      describeCommand(
        access.command(decision),
        `${decision} a request`,
        `access ${decision} 1041 --org acme`,
      ),
      LOCATION,
    )
      .argument('<ID>', 'number of the request')
      .requiredOption('--org <LABEL>', 'label of the organization')
      .action(async (id: string, options: ParsedOptions) =>
        (await import('./access.ts')).accessDecision(context, options, decision, id),
      );
  }
}

function addPolicyCommands(program: Command, context: CommandContext): void {
  const policy = program.command('policy').description('the policy file');
  describeCommand(
    policy.command('compile'),
    'compile recorded cases to what each device receives; touches no database',
    'policy compile --jsonl cases.jsonl',
  )
    .requiredOption('--jsonl <FILE>', 'one case a line; - reads stdin')
    .option('--json', 'results are JSON in any case')
    .action(async (options: { readonly jsonl: string }) =>
      (await import('./policy.ts')).policyCompile(context, options.jsonl),
    );

  addSettings(
    describeCommand(
      policy.command('explain'),
      'say whether one thing may reach another, and why',
      'policy explain --org acme --src laptop --dst web:443',
      'policy explain --org acme --src ada@example.com --dst resource:database:5432',
    ),
    LOCATION,
  )
    .requiredOption('--org <LABEL>', 'label of the organization')
    .requiredOption('--src <WHO>', 'device, user, group, tag, address or service-account:NAME')
    .requiredOption('--dst <WHAT:PORT>', 'device, user, tag, address, svc:NAME or resource:NAME, and a port')
    .option('--proto <NAME>', 'tcp, udp, icmp, sctp, or another that rules can name; default tcp')
    .action(async (options: ParsedOptions) =>
      (await import('./policy-explain.ts')).policyExplain(context, options),
    );
  addSettings(
    describeCommand(
      policy.command('impact'),
      'show what saving a policy file would open and close',
      'policy impact policy.hujson --org acme',
    ),
    LOCATION,
  )
    .argument('<FILE>', 'the policy file')
    .requiredOption('--org <LABEL>', 'label of the organization')
    .action(async (file: string, options: ParsedOptions) =>
      (await import('./policy-impact.ts')).policyImpactCommand(context, file, options),
    );
  addPolicyFileCommands(policy, context);
}

const POINTER = 'where: a JSON Pointer, such as /groups/group:ops or /acls/0';

function addPolicyFileCommands(policy: Command, context: CommandContext): void {
  const onFile = (name: string, about: string, ...examples: readonly string[]): Command =>
    addSettings(describeCommand(policy.command(name), about, ...examples), LOCATION).requiredOption(
      '--org <LABEL>',
      'label of the organization',
    );
  const DRY_RUN = ['--dry-run', 'check and print the file, and save nothing'] as const;

  onFile('show', 'print the saved policy file', 'policy show --org acme').action(
    async (options: ParsedOptions) => (await import('./policy-edit.ts')).policyShow(context, options),
  );
  onFile(
    'set',
    'change or add one value of the policy file, and leave every other byte of it alone',
    `policy set /groups/group:ops '["ada@example.com"]' --org acme`,
    `policy set /grants/- '{"src": ["*"], "dst": ["tag:web"], "ip": ["tcp:443"]}' --org acme --dry-run`,
  )
    .argument('<PATH>', `${POINTER}; /acls/- is behind the last one`)
    .argument('<VALUE>', 'what to put there: JSON, comments and trailing commas allowed')
    .option(...DRY_RUN)
    .action(async (path: string, value: string, options: ParsedOptions) =>
      (await import('./policy-edit.ts')).policySet(context, path, value, options),
    );
  onFile(
    'remove',
    'take one value out of the policy file, and leave the rest of it alone',
    'policy remove /acls/2 --org acme',
  )
    .argument('<PATH>', POINTER)
    .option(...DRY_RUN)
    .action(async (path: string, options: ParsedOptions) =>
      (await import('./policy-edit.ts')).policyRemove(context, path, options),
    );
}

function addGatewayCommands(program: Command, context: CommandContext): void {
  const gateway = program.command('gateway').description('gateways for plain WireGuard clients');
  addSettings(
    describeCommand(
      gateway.command('token'),
      'make the token with which the agent of a gateway comes in',
      'gateway token --org acme --gateway office',
    ),
    LOCATION,
  )
    .requiredOption('--org <LABEL>', 'label of the organization')
    .requiredOption('--gateway <NAME>', 'name or id of the gateway')
    .action(async (options: ParsedOptions) =>
      (await import('./gateway-token.ts')).gatewayToken(context, options),
    );
  describeCommand(
    gateway.command('up'),
    'run the agent of a gateway, on its machine, until it is stopped',
    'gateway up --server https://net.example.com --token-file gateway-token',
  )
    .requiredOption('--server <URL>', 'address of the server')
    .option('--token-file <FILE>', "file with the gateway's token; default HOLDFAST_GATEWAY_TOKEN")
    .option('--interface <NAME>', 'WireGuard interface to make; default holdfast0')
    .option('--device-interface <NAME>', "interface of this machine's Tailscale client; default tailscale0")
    .option('--listen-port <PORT>', 'UDP port that clients dial; default 51820')
    .option('--endpoint <HOST>', 'address or name that clients dial; default as the server sees this machine')
    .option('--mtu <BYTES>', 'MTU of the tunnels; default 1420')
    .option('--state <DIR>', 'where the key of the gateway is kept; default /var/lib/holdfast-gateway')
    .option('--json', 'print events as JSON, one a line')
    .action(async (options: ParsedOptions) => (await import('./gateway-up.ts')).gatewayUp(context, options));
}

/** For whoever runs the installation. */
function addOperationCommands(program: Command, context: CommandContext): void {
  const audit = program.command('audit').description('the audit log');
  addSettings(
    describeCommand(
      audit.command('verify'),
      'verify the hash chain of the audit log',
      'audit verify',
      'audit verify --org acme --json',
    ),
    LOCATION,
  )
    .option('--org <LABEL>', 'label of the organization; default all of them')
    .action(async (options: ParsedOptions) =>
      (await import('./audit-verify.ts')).auditVerify(context, options),
    );

  addSettings(
    describeCommand(
      program.command('doctor'),
      'look for what is wrong with an installation',
      'doctor --data /var/lib/holdfast',
    ),
    SERVE,
  ).action(async (options: ParsedOptions) => (await import('./doctor.ts')).doctor(context, options));

  addSettings(
    describeCommand(
      program.command('backup'),
      'write a backup, also while servers run',
      'backup holdfast.backup --data /var/lib/holdfast',
    ),
    LOCATION,
  )
    .argument('<FILE>', 'the file to write; it must not exist')
    .action(async (file: string, options: ParsedOptions) =>
      (await import('./backup.ts')).backup(context, file, options),
    );

  addSettings(
    describeCommand(
      program.command('restore'),
      'restore a backup into an empty directory or database',
      'restore holdfast.backup --database-url postgres://holdfast@db.example.com/holdfast',
    ),
    LOCATION,
  )
    .argument('<FILE>', 'the backup')
    .action(async (file: string, options: ParsedOptions) =>
      (await import('./restore.ts')).restoreBackup(context, file, options),
    );

  describeCommand(program.command('version'), 'print the version', 'version --json')
    .option('--json', 'print the result as JSON')
    .action(async (options: ParsedOptions) => (await import('./version.ts')).version(context, options));
}
