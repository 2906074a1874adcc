/**
 * Certificate authorities: what a proxy trusts when it ends TLS or SSH. One is made and deleted, never changed.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`, `taken` (name), `conflict` (a proxy uses it).
 */
import { AppError } from '../../kernel/errors.ts';
import { checkName } from '../../kernel/names.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { missing, requireRow } from '../directory/missing.ts';
import type { CertificateAuthority } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { parseCertificate, parseSshPublicKey } from './authority-material.ts';

export type AuthorityKind = CertificateAuthority['kind'];

export interface CertificateAuthorityService {
  /** `material`: a certificate in PEM, or a public key in the form of OpenSSH. */
  create(
    actor: Actor,
    input: { readonly kind: AuthorityKind; readonly name: string; readonly material: string },
    origin: AuditOrigin,
  ): Promise<CertificateAuthority>;
  /** `not_found` also for one of the other kind. */
  remove(actor: Actor, kind: AuthorityKind, id: number, origin: AuditOrigin): Promise<void>;
}

export async function requireAuthority(
  tx: Tx,
  org: number,
  kind: AuthorityKind,
  id: number,
): Promise<CertificateAuthority> {
  const authority = await requireRow(tx, 'certificateAuthority', org, id);
  if (authority.kind !== kind) throw missing('certificateAuthority', id);
  return authority;
}

export function createCertificateAuthorityService({
  store,
}: {
  readonly store: Store;
}): CertificateAuthorityService {
  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'networks:write');
      const name = checkName(input.name);
      const { kind } = input;
      const { material, fingerprint } =
        kind === 'x509' ? parseCertificate(input.material) : parseSshPublicKey(input.material);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const [holder] = await tx.find('certificateAuthority', org, { kind, name }, 1);
        if (holder !== undefined) {
          throw new AppError('taken', 'an authority with this name already exists', { field: 'name' });
        }
        const authority = await tx.insert('certificateAuthority', {
          org,
          id: tx.newId(),
          kind,
          name,
          material,
          fingerprint,
          createdAt: tx.now,
          updatedAt: tx.now,
        });
        audit(tx, authority, 'create');
        return authority;
      });
    },

    remove: async (actor, kind, id, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const authority = await requireAuthority(tx, org, kind, id);
        const column = kind === 'x509' ? 'x509Ca' : 'sshCa';
        const users = await tx.list('proxy', org, { where: { [column]: id }, limit: 1 });
        if (users.length > 0) throw new AppError('conflict', 'a proxy uses this authority');
        await tx.remove('certificateAuthority', org, id);
        audit(tx, authority, 'delete');
      });
    },
  };
}

const audit = (tx: Tx, authority: CertificateAuthority, verb: 'create' | 'delete'): void =>
  tx.audit(authority.org, {
    verb,
    objectKind: 'certificateAuthority',
    objectId: authority.id,
    objectName: authority.name,
    after: { kind: authority.kind, fingerprint: authority.fingerprint },
  });
