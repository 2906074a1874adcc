/** An organization with several of everything that the dialect shows, each connected with several others. */
import type { ApiServer } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { addDevices } from '../tailscale/support.ts';
import { CA_PEM, SSH_KEY } from './certificates.ts';
import { type Gql, gid, mutationOf } from './support.ts';

const EACH = 5;

const list = (ids: readonly string[]): string => `[${ids.map((id) => JSON.stringify(id)).join(', ')}]`;

export async function makeWide(api: ApiServer, gql: Gql): Promise<void> {
  const run = mutationOf(gql);
  const make = async (call: string, variables?: Record<string, unknown>): Promise<string> => {
    const { ok, error, entity } = await run(call, 'ok error entity { id }', variables);
    if (ok !== true) throw new Error(`${call}: ${error}`);
    return entity.id;
  };
  const each = async <T>(work: (index: number) => Promise<T>): Promise<readonly T[]> => {
    const made: T[] = [];
    for (let index = 0; index < EACH; index += 1) made.push(await work(index));
    return made;
  };
  const users = await each((n) => make(`userCreate(email: "wide${n}@acme.test", shouldSendInvite: false)`));
  const policies = await each((n) => make(`securityPolicyCreate(name: "wide policy ${n}")`));
  const groups = await each((n) =>
    make(`groupCreate(name: "wide ${n}", userIds: ${list(users)}, securityPolicyId: "${policies[n]}")`),
  );
  const networks = await each((n) => make(`remoteNetworkCreate(name: "wide net ${n}", location: AWS)`));
  await each((n) => make(`connectorCreate(remoteNetworkId: "${networks[n]}")`));
  const pem = await each((n) =>
    make(`x509CertificateAuthorityCreate(name: "wide ${n}", certificate: $text)`, { text: CA_PEM }),
  );
  const ssh = await each((n) =>
    make(`sshCertificateAuthorityCreate(name: "wide ${n}", publicKey: $text)`, { text: SSH_KEY }),
  );
  const gateways = await each((n) =>
    make(
      `gatewayCreate(address: "10.0.0.${n + 1}:443", remoteNetworkId: "${networks[n]}", x509CAId: "${pem[n]}", sshCAId: "${ssh[n]}")`,
    ),
  );
  const rest = (n: number): string =>
    `remoteNetworkId: "${networks[n]}", groupIds: ${list(groups)}, approverGroupIds: ${list(groups)}, securityPolicyId: "${policies[n]}",
     tags: [{key: "n", value: "${n}"}, {key: "wide", value: "yes"}]`;
  const resources = await each((n) =>
    make(`resourceCreate(name: "wide ${n}", address: "10.9.0.${n + 1}", ${rest(n)})`),
  );
  for (const kind of ['sshResource', 'kubernetesResource', 'webAppResource']) {
    await each((n) =>
      make(
        `${kind}Create(name: "${kind} ${n}", address: "10.8.0.${n + 1}", gatewayId: "${gateways[n]}", upstreamPort: ${n + 1}, ${rest(n)})`,
      ),
    );
  }
  const accounts = await each((n) =>
    make(`serviceAccountCreate(name: "wide ${n}", resourceIds: ${list(resources)})`),
  );
  for (const account of accounts) {
    await each((n) => make(`serviceAccountKeyCreate(serviceAccountId: "${account}", expirationTime: ${n})`));
  }
  for (const [n, group] of groups.entries()) {
    const id = await make(`dnsFilteringProfileCreate(name: "wide ${n}")`);
    await make(
      `dnsFilteringProfileUpdate(id: "${id}", groups: ["${group}"], privacyCategoryConfig: {blockAffiliate: true})`,
    );
  }
  const serials = Array.from({ length: EACH }, (_, n) => `WIDE-${n}`);
  await run(`serialNumbersCreate(serialNumbers: ${list(serials)})`, 'ok error');
  await addDevices(
    api,
    api.organization.id,
    serials.map((serial, n) => ({ label: `wide-${n}`, owner: api.owner.id, patch: { serials: [serial] } })),
  );
  const idOf = (text: string): number => Number(Buffer.from(text, 'base64').toString().split(':')[1]);
  await seed(api.store, api.organization.id, async (tx) => {
    for (const [n, resource] of resources.entries()) {
      await tx.insert('accessRequest', {
        org: api.organization.id,
        id: tx.newId(),
        membership: idOf(users[n] ?? gid('User', 0)),
        resource: idOf(resource),
        reason: 'wide',
        seconds: null,
        status: 'pending',
        requestedAt: tx.now,
        decidedAt: null,
        decidedBy: null,
        accessUntil: null,
      });
    }
  });
}
