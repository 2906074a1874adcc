import type { PortRules, ResourceProtocols } from '../../../domain/model/networks.ts';
import type { Label, TermsChange } from '../../../domain/networks/resource-rules.ts';
import type { ResourceChange } from '../../../domain/networks/resource-service.ts';
import { invalid } from '../../../kernel/errors.ts';
import type { Args } from '../context.ts';
import type { RootField } from '../queries.ts';
import {
  defined,
  flagOf,
  idOf,
  inputOf,
  listChangeOf,
  numberOf,
  ORIGIN,
  optionalIdOf,
  textOf,
} from './arguments.ts';

function rulesOf(value: unknown): PortRules {
  const input = inputOf(value);
  if (input === undefined) return { policy: 'allow-all', ports: [] };
  const ports = Array.isArray(input.ports) ? input.ports : [];
  return {
    policy: input.policy === 'RESTRICTED' ? 'restricted' : 'allow-all',
    ports: ports.map(({ start, end }: { start: number; end: number }) => ({ start, end })),
  };
}

function protocolsOf(args: Args): ResourceProtocols | undefined {
  const input = inputOf(args.protocols);
  if (input === undefined) return undefined;
  return { allowIcmp: input.allowIcmp === true, tcp: rulesOf(input.tcp), udp: rulesOf(input.udp) };
}

/** Null takes all of them away. */
function pairsOf(value: unknown): Label[] | undefined {
  if (value === null) return [];
  if (!Array.isArray(value)) return undefined;
  return value.map(({ key, value: text }: { key: string; value: string }) => ({ key, value: text }));
}

const MODES = { MANUAL: 'manual', AUTO_LOCK: 'auto-lock', ACCESS_REQUEST: 'access-request' } as const;
const APPROVALS = { MANUAL: 'manual', AUTOMATIC: 'automatic' } as const;

/** The terms of access in the arguments of a resource or of an edge; undefined when none is given. */
export function termsOf(args: Args): TermsChange | undefined {
  const policy = inputOf(args.accessPolicy);
  const mode = MODES[policy?.mode as keyof typeof MODES];
  const seconds = typeof policy?.durationSeconds === 'number' ? policy.durationSeconds : null;
  const approval = APPROVALS[args.approvalMode as keyof typeof APPROVALS];
  const days = args.usageBasedAutolockDurationDays;
  if (typeof days === 'number' && days < 1) {
    throw invalid('usageBasedAutolockDurationDays must be at least 1', 'usageBasedAutolockDurationDays');
  }
  const change: TermsChange = {
    ...(mode === undefined ? {} : { policy: { mode, seconds } }),
    ...(approval === undefined ? {} : { approvalMode: approval }),
    ...(typeof days === 'number' || days === null ? { autolockDays: days } : {}),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

/** Null clears alias and policy; elsewhere it says nothing. */
function changeOf(args: Args): ResourceChange {
  return defined({
    name: textOf(args, 'name'),
    network: optionalIdOf(args, 'remoteNetworkId', 'RemoteNetwork'),
    address: textOf(args, 'address'),
    alias: args.alias === null ? null : textOf(args, 'alias'),
    protocols: protocolsOf(args),
    active: flagOf(args, 'isActive'),
    bypass: args.routingMode == null ? undefined : args.routingMode === 'BYPASS_TWINGATE',
    visible: flagOf(args, 'isVisible'),
    browserShortcut: flagOf(args, 'isBrowserShortcutEnabled'),
    securityPolicy:
      args.securityPolicyId === null ? null : optionalIdOf(args, 'securityPolicyId', 'SecurityPolicy'),
    labels: pairsOf(args.tags),
    terms: termsOf(args),
    groups: listChangeOf(args, 'Group', 'Group'),
    approvers: listChangeOf(args, 'ApproverGroup', 'Group'),
  }) as ResourceChange;
}

/** Ports and headers of what stands behind a proxy. The newer form nests a port in an object, both are taken. */
function proxiedOf(args: Args): ResourceChange {
  const port = (name: string): number | undefined =>
    numberOf(inputOf(args[name]) ?? {}, 'port') ?? numberOf(args, `${name}Port`);
  return defined({
    proxy: optionalIdOf(args, 'gatewayId', 'Gateway'),
    upstreamPort: port('upstream'),
    downstreamPort: port('downstream'),
    headerRewrites: pairsOf(args.requestHeaderRewrites),
  });
}

const PREFIXES = {
  network: 'resource',
  kubernetes: 'kubernetesResource',
  ssh: 'sshResource',
  web: 'webAppResource',
};

function mutationsOfKind(kind: keyof typeof PREFIXES): Record<string, RootField> {
  return {
    [`${PREFIXES[kind]}Create`]: {
      requires: 'networks:write',
      resolve: async (args, { actor, services }) => ({
        entity: await services.resources.create(
          actor,
          {
            ...changeOf(args),
            ...proxiedOf(args),
            kind,
            name: textOf(args, 'name') ?? '',
            address: textOf(args, 'address') ?? '',
            network: idOf(args, 'remoteNetworkId', 'RemoteNetwork'),
          },
          ORIGIN,
        ),
      }),
    },
    [`${PREFIXES[kind]}Update`]: {
      requires: 'networks:write',
      resolve: async (args, { actor, services }) => ({
        entity: await services.resources.update(
          actor,
          idOf(args, 'id', 'Resource'),
          { ...changeOf(args), ...proxiedOf(args), kind },
          ORIGIN,
        ),
      }),
    },
  };
}

export const resourceMutations: Readonly<Record<string, RootField>> = {
  ...mutationsOfKind('network'),
  ...mutationsOfKind('kubernetes'),
  ...mutationsOfKind('ssh'),
  ...mutationsOfKind('web'),
  resourceDelete: {
    requires: 'networks:write',
    resolve: async (args, { actor, services }) => {
      await services.resources.remove(actor, idOf(args, 'id', 'Resource'), ORIGIN);
      return {};
    },
  },
};
