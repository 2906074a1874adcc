/** `holdfast init`: an organization with its owner, also while no server runs. */

import { openInstallation } from '../app/installation.ts';
import { loadServerKeys } from '../app/server-keys.ts';
import { loadInstallationConfig } from '../config/config.ts';
import { endFirstRun } from '../domain/first-run/first-run-service.ts';
import { createOrganizationService } from '../domain/organizations/organization-service.ts';
import { createInstallationFacts } from '../store/installation-facts.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { readPasswordFile } from './password-file.ts';

export async function init(context: CommandContext, options: ParsedOptions): Promise<void> {
  const { clock, random } = context;
  const config = loadInstallationConfig(configInput(context, flagsOf(options)));
  const passwordHash = await readPasswordFile(textOption(options, 'password-file'), random);
  const label = textOption(options, 'org') ?? '';
  const domain = textOption(options, 'domain');
  const name = textOption(options, 'name');
  const installation = await openInstallation({ config, clock, mode: 'create' });
  try {
    const { store, engine } = installation;
    // So that whatever is sealed from now on is sealed with the installation's own key.
    const facts = createInstallationFacts(engine);
    await loadServerKeys({ config, facts, random });
    const organizations = createOrganizationService({ store, random });
    const { organization, owner, apiToken } = await organizations.create(
      {
        label,
        ...(name === undefined ? {} : { name }),
        ...(domain === undefined ? {} : { domain }),
        owner: {
          email: textOption(options, 'owner') ?? '',
          ...(passwordHash === undefined ? {} : { passwordHash }),
        },
      },
      { kind: 'cli', id: '', name: 'holdfast init' },
      'cli',
    );
    await endFirstRun(facts);
    if (wantsJson(options)) {
      context.print(
        JSON.stringify({
          organization: {
            id: organization.nano,
            label: organization.label,
            tailnet: organization.tailnetName,
            netmaker_tenant: organization.label,
          },
          owner: { id: owner.nano, email: owner.email },
          api_key: apiToken,
        }),
      );
      return;
    }
    context.print(
      `organization ${organization.label} (${organization.tailnetName}) with owner ${owner.email ?? ''}`,
    );
    context.print(`API key, shown only now: ${apiToken}`);
  } finally {
    await installation.close();
  }
}
