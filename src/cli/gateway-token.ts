/** `holdfast gateway token`: lets the agent of a gateway in. */
import type { Actor } from '../domain/access/actor.ts';
import { permissionsOfRole } from '../domain/access/permissions.ts';
import { decodeUuid } from '../domain/ids/uuid8.ts';
import { createGatewayAgentService } from '../domain/networks/gateway-agent-service.ts';
import { normalizeKey } from '../kernel/text.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';

export async function gatewayToken(context: CommandContext, options: ParsedOptions): Promise<void> {
  const label = textOption(options, 'org') ?? '';
  const name = textOption(options, 'gateway') ?? '';
  await withInstallation(context, options, async ({ store }) => {
    const { id: org } = await organizationByLabel(store, label);
    const id = decodeUuid('gateway', name);
    const found =
      id === undefined
        ? await store.find('gateway', org, { nameKey: normalizeKey(name) }, 2)
        : await store.find('gateway', org, { id }, 1);
    const [gateway, another] = found;
    if (gateway === undefined) throw new CommandError(`${label} has no gateway ${name}: correct --gateway`);
    if (another !== undefined) {
      throw new CommandError(`several networks have a gateway ${name}: give its id with --gateway`);
    }
    const actor: Actor = {
      kind: 'system',
      org,
      name: 'holdfast gateway token',
      permissions: permissionsOfRole('owner'),
    };
    const agents = createGatewayAgentService({ store, random: context.random });
    const token = await agents.createToken(actor, gateway.id, 'cli');
    if (wantsJson(options)) context.print(JSON.stringify({ gateway: gateway.name, token }));
    else context.print(`Token of the gateway ${gateway.name}, shown only now: ${token}`);
  });
}
