/** Where a browser is sent to sign in by an organization's own provider, and where it comes back. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SsoPurpose } from '../../../auth/sso/sso-state.ts';
import type { Organization } from '../../../domain/model/people.ts';
import { queryText } from '../../shared/parameters.ts';
import { fieldsOf } from './forms.ts';
import type { PageParts } from './parts.ts';

export interface SsoStart {
  callbackOf(request: FastifyRequest, label: string): string;
  /** The address of the provider that the request names, or of the first. Errors: `not_found`, `unavailable`. */
  begin(
    request: FastifyRequest,
    reply: FastifyReply,
    organization: Organization,
    purpose: SsoPurpose,
    returnTo: string,
    /** The person is to prove who they are anew. */
    fresh?: boolean,
  ): Promise<string>;
}

export function createSsoStart({ services, forms, originOf }: PageParts): SsoStart {
  const callbackOf: SsoStart['callbackOf'] = (request, label) =>
    `${originOf(request)}/login/sso/${label}/callback`;
  return {
    callbackOf,
    begin: async (request, reply, organization, purpose, returnTo, fresh = false) => {
      const chosen = Number(queryText(request, 'connection') || fieldsOf(request).connection);
      return services.sso.start({
        org: organization.id,
        ...(Number.isSafeInteger(chosen) && chosen > 0 ? { connection: chosen } : {}),
        browser: forms.ensureBrowser(request, reply),
        redirectUri: callbackOf(request, organization.label),
        purpose,
        returnTo,
        fresh,
      });
    },
  };
}
