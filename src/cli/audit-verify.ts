/** `holdfast audit verify`: follows the hash chain of audit events. */
import type { Organization } from '../domain/model/people.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import { verifyAuditChain } from '../store/audit-verification.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';

const MAX_ORGANIZATIONS = 100_000;

interface Verdict {
  /** The organization's label; null for the chain of the installation itself. */
  readonly organization: string | null;
  readonly events: number;
  readonly head: string;
  readonly valid: boolean;
  readonly fault: { readonly seq: number; readonly reason: string } | null;
}

export async function auditVerify(context: CommandContext, options: ParsedOptions): Promise<void> {
  const label = textOption(options, 'org');
  const verdicts = await withInstallation(context, options, async ({ store }) => {
    const organizations: readonly Organization[] =
      label === undefined
        ? await store.list('organization', INSTALLATION, { limit: MAX_ORGANIZATIONS })
        : [await organizationByLabel(store, label)];
    const chains: { readonly org: number; readonly name: string | null }[] = organizations.map(
      (organization) => ({ org: organization.id, name: organization.label }),
    );
    if (label === undefined) chains.unshift({ org: INSTALLATION, name: null });
    const found: Verdict[] = [];
    for (const { org, name } of chains) {
      const { events, head, fault } = await verifyAuditChain(store, org);
      found.push({ organization: name, events, head, valid: fault === undefined, fault: fault ?? null });
    }
    return found;
  });

  if (wantsJson(options))
    context.print(JSON.stringify(label === undefined ? { chains: verdicts } : verdicts[0]));
  else {
    for (const { organization, events, fault } of verdicts) {
      const whose = organization ?? 'the installation';
      context.print(fault === null ? `${whose}: ${events} events, intact` : `${whose}: ${fault.reason}`);
    }
  }
  const broken = verdicts.filter(({ valid }) => !valid);
  if (broken.length > 0) {
    const names = broken.map(({ organization }) => organization ?? 'the installation').join(', ');
    throw new CommandError(
      `the audit log of ${names} was altered: compare it with a backup made before, and find out who could write to the database`,
    );
  }
}
