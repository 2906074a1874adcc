/** `holdfast token create`: an API token for a member. */
import { createApiTokenService } from '../domain/credentials/api-token-service.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { parseDuration } from './duration.ts';
import { memberByUser, organizationByLabel, withInstallation } from './installation-command.ts';

const DEFAULT_LIFETIME = '90d';

export async function tokenCreate(context: CommandContext, options: ParsedOptions): Promise<void> {
  const lifetimeMs = parseDuration('--expires', textOption(options, 'expires') ?? DEFAULT_LIFETIME);
  const scopes = (textOption(options, 'scopes') ?? 'all')
    .split(',')
    .map((scope) => scope.trim())
    .filter((scope) => scope !== '');
  const label = textOption(options, 'org') ?? '';
  const user = textOption(options, 'user') ?? '';

  await withInstallation(context, options, async ({ store }) => {
    const organization = await organizationByLabel(store, label);
    const member = await memberByUser(store, organization, user);
    const tokens = createApiTokenService({ store, random: context.random });
    const { credential, token } = await tokens.create(
      {
        org: organization.id,
        membership: member.id,
        scopes,
        lifetimeMs,
        description: textOption(options, 'description') ?? 'made on the command line',
      },
      { kind: 'cli', id: '', name: 'holdfast token create' },
      'cli',
    );
    const expires = new Date(credential.expiresAt ?? 0).toISOString();
    if (wantsJson(options)) {
      context.print(
        JSON.stringify({
          id: credential.publicId,
          api_key: token,
          organization: organization.label,
          user: member.email ?? member.username,
          scopes,
          expires_at: expires,
        }),
      );
    } else {
      context.print(`API key of ${member.email ?? member.username}, shown only now: ${token}`);
      context.print(`It expires on ${expires}.`);
    }
  });
}
