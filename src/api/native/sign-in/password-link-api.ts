/** Links for a first or forgotten password, over the API: whoever manages a member hands them over. */
import { PASSWORD_LINK_PATH, type PasswordLinks } from '../../../domain/people/password-links.ts';
import { notFound } from '../../../kernel/errors.ts';
import type { Operation } from '../../shared/operation.ts';
import { originOf } from '../origin.ts';

export interface PasswordLinkApiParts {
  readonly passwordLinks: Pick<PasswordLinks, 'create'>;
  readonly publicUrl: string | undefined;
}

const CREATED = 201;

export function passwordLinkOperations(parts: PasswordLinkApiParts): readonly Operation[] {
  const { passwordLinks, publicUrl } = parts;
  return [
    {
      id: 'native.password-link.create',
      method: 'POST',
      path: '/app/api/members/:member/password-link',
      requires: 'members:write',
      handle: async ({ request, reply, actor }) => {
        const member = Number((request.params as Readonly<Record<string, unknown>>).member);
        if (!Number.isSafeInteger(member) || member <= 0) throw notFound('membership');
        const { link, expiresAt } = await passwordLinks.create(actor, member, 'native-api');
        return reply
          .code(CREATED)
          .header('cache-control', 'no-store')
          .send({
            url: `${originOf(request, publicUrl)}${PASSWORD_LINK_PATH}${link}`,
            expires_at: new Date(expiresAt).toISOString(),
          });
      },
    },
  ];
}
