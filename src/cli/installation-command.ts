/** What commands that work on an existing installation have in common. */
import { type Installation, openInstallation } from '../app/installation.ts';
import { loadInstallationConfig } from '../config/config.ts';
import type { Membership, Organization } from '../domain/model/people.ts';
import { memberByName } from '../domain/people/member-by-name.ts';
import type { Store } from '../domain/ports/store.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions } from './command-options.ts';
import { CommandError } from './exit.ts';

/** Opens the installation that the options name, and closes it when `work` has ended. */
export async function withInstallation<T>(
  context: CommandContext,
  options: ParsedOptions,
  work: (installation: Installation) => Promise<T>,
): Promise<T> {
  const config = loadInstallationConfig(configInput(context, flagsOf(options)));
  const installation = await openInstallation({ config, clock: context.clock, mode: 'existing' });
  try {
    return await work(installation);
  } finally {
    await installation.close();
  }
}

/** Throws a sentence when there is none of that label. */
export async function organizationByLabel(store: Store, label: string): Promise<Organization> {
  const organization = await store.organizationBy('label', label);
  if (organization === undefined) {
    throw new CommandError(`there is no organization with the label ${label}: correct --org`);
  }
  return organization;
}

/** Whom `--user` names. Throws a sentence when there is nobody of that address or name. */
export async function memberByUser(
  store: Store,
  organization: Organization,
  user: string,
): Promise<Membership> {
  const member = await memberByName(store, organization.id, user);
  if (member === undefined) {
    throw new CommandError(
      `nobody in ${organization.label} has the e-mail or user name ${user}: correct --user`,
    );
  }
  return member;
}
