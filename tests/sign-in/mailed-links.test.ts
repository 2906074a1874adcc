// Pages that links of mails lead to: a contact's address confirmed, a shared device accepted.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shareCode } from '../../src/domain/shares/share-code.ts';
import { createShareService } from '../../src/domain/shares/share-service.ts';
import { sha256Hex } from '../../src/kernel/hash.ts';
import { addDevices } from '../compat/tailscale/support.ts';
import { ENGINES } from '../support/api-server.ts';
import { seed } from '../support/seeds.ts';
import { PASSWORD, type SignInServer, startSignInServer } from './support.ts';

describe.each(ENGINES)('a link of a mail on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const org = () => server.api.organization.id;

  it('confirms a contact’s address once, on a yes', async () => {
    const secret = 's'.repeat(43);
    await seed(server.api.store, org(), (tx) =>
      tx.put('contact', {
        org: org(),
        kind: 'security',
        email: 'sec@acme.test',
        verifiedAt: null,
        fallbackEmail: 'old@acme.test',
        tokenHash: sha256Hex(secret),
      }),
    );
    const contact = () => server.api.store.get('contact', org(), { kind: 'security' });
    const path = `/verify/contact/${org()}-security-${secret}`;
    const visitor = server.visitor();
    const wrong = await visitor.get(path.replace('-security-', '-support-'));
    expect(wrong.status).toBe(404);
    const page = await visitor.get(path);
    expect(page.text).toContain('sec@acme.test');
    expect((await contact())?.verifiedAt).toBeNull();
    expect((await visitor.submit(page, path, {})).heading).toBe('The address is confirmed');
    expect(await contact()).toMatchObject({ fallbackEmail: null, tokenHash: null });
    expect((await contact())?.verifiedAt).not.toBeNull();
    expect((await visitor.get(path)).status).toBe(404);
  });

  it('shares a device with who signs in and says yes, and with nobody before', async () => {
    const rival = await server.api.createOrganization('rival');
    const home = rival.organization.id;
    const [device] = await addDevices(server.api, home, [{ label: 'given', owner: rival.owner.id }]);
    const shares = createShareService({ store: server.api.store, clock: server.api.clock });
    const sharer = await server.api.authenticator.authenticate(rival.token);
    const wanted = [{ multiUse: false, exitNode: false, email: null }];
    const [made] = await shares.create(sharer, device!.id, wanted, 'native-api');
    const path = `/admin/invite/${shareCode(server.mailSecrets, made!.share)}`;
    const visitor = server.visitor();
    const first = await visitor.get(path);
    expect([first.status, first.location]).toEqual([303, `/login?next=${encodeURIComponent(path)}`]);
    const login = await visitor.get(first.location ?? '');
    const sent = await visitor.submit(login, '/login', {
      organization: 'acme',
      login: 'owner@acme.test',
      password: PASSWORD,
    });
    expect(sent.location).toBe(path);
    const page = await visitor.get(path);
    expect(page.heading).toBe('Add given?');
    const held = () => server.api.store.count('sharedDevice', org());
    expect(await held()).toBe(0);
    expect((await visitor.submit(page, path, {})).heading).toBe('given is shared with you');
    expect(await held()).toBe(1);
    expect((await visitor.get(path)).status).toBe(404);
  });
});
