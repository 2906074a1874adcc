// Links that are handed over where there is no mail, as the API makes them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemberAdmin } from '../../src/domain/people/member-admin.ts';
import { ENGINES } from '../support/api-server.ts';
import { PASSWORD, type SignInServer, signInWith, startSignInServer } from './support.ts';

describe.each(ENGINES)('the link API on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });
  const post = async (path: string, token: string | null = server.api.token) => {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
    const body = (await answer.json()) as Record<string, string>;
    return { status: answer.status, body, cache: answer.headers.get('cache-control') };
  };

  it('gives a link that sets a password', async () => {
    const { member } = await server.api.createMember(server.api, 'member', 'una');
    const { status, body, cache } = await post(`/app/api/members/${member.id}/password-link`);
    expect([status, cache]).toEqual([201, 'no-store']);
    expect(body.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/login\/password\/\d+-[A-Za-z0-9]{40}$/);
    expect(Date.parse(body.expires_at ?? '')).toBe(server.api.clock.now() + 3 * 24 * 60 * 60_000);
    const path = new URL(body.url ?? '').pathname;
    const visitor = server.visitor();
    await visitor.submit(await visitor.get(path), path, { password: PASSWORD });
    const answer = await signInWith(visitor, { login: 'una@acme.test', password: PASSWORD });
    expect(answer.status).toBe(303);
  });

  it('ends a link for a password when its member is given another role', async () => {
    const { member } = await server.api.createMember(server.api, 'admin', 'wanda');
    const { token } = await server.api.createMember(server.api, 'it-admin', 'ingo');
    const { status, body } = await post(`/app/api/members/${member.id}/password-link`, token);
    expect(status).toBe(201);
    const path = new URL(body.url ?? '').pathname;
    expect((await server.visitor().get(path)).status).toBe(200);
    const owner = await server.api.authenticator.authenticate(server.api.token);
    const members = createMemberAdmin({ store: server.api.store });
    await members.setRole(owner, member.id, 'auditor', 'native-api');
    expect((await server.visitor().get(path)).status).toBe(404);
  });

  it.each([
    ['/app/api/members/0/password-link', 404],
    ['/app/api/members/x/password-link', 404],
    ['/app/api/members/999999/password-link', 404],
    ['/app/api/members/9007199254740993/password-link', 404],
    ['/app/api/invitations/1/link', 404],
    ['/app/api/invitations/-1/link', 404],
  ])('answers POST %s by %i', async (path, status) => {
    expect((await post(path)).status).toBe(status);
  });

  it('is not for members, strangers, or a session’s cookie', async () => {
    const { member, token } = await server.api.createMember(server.api, 'member', 'vera');
    const path = `/app/api/members/${member.id}/password-link`;
    expect((await post(path, token)).status).toBe(403);
    expect((await post('/app/api/invitations/1/link', token)).status).toBe(403);
    expect((await post(path, null)).status).toBe(401);
    await server.setPassword(server.api.owner, server.api.organization.id);
    const owner = await server.signedIn('owner@acme.test');
    const json = { 'content-type': 'application/json' };
    expect((await owner.post(path, '{}', json)).status).toBe(401);
  });
});
