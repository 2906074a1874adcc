// The page where a person lets an SSH login in.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SSH_CHECK_PATH } from '../../src/domain/ssh-checks/ssh-check-service.ts';
import { ENGINES } from '../support/api-server.ts';
import { PASSWORD, type SignInServer, startSignInServer } from './support.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe.each(ENGINES)('the page of an SSH login on %s', (engine) => {
  let server: SignInServer;
  beforeAll(async () => {
    server = await startSignInServer(engine);
    await server.setPassword(server.api.owner, server.api.organization.id);
  });
  afterAll(async () => {
    expect(server.api.failures).toEqual([]);
    await server.close();
  });

  const LOGIN = { source: 71, target: 72, user: 'root' };
  /** A login that waits since a second after everything before it. */
  const waiting = async (membership = server.api.owner.id): Promise<string> => {
    server.api.clock.advance(SECOND);
    const org = server.api.organization.id;
    return `${SSH_CHECK_PATH}${await server.signIn.sshChecks.begin({ org, membership, ...LOGIN })}`;
  };
  const stateOf = async (path: string) => {
    const login = { org: server.api.organization.id, ...LOGIN };
    return (await server.signIn.sshChecks.stateOf(path.slice(SSH_CHECK_PATH.length), login))?.decision;
  };

  it('asks a person who signed in before to sign in again, and then lets the session in', async () => {
    const visitor = await server.signedIn('owner@acme.test');
    const path = await waiting();
    const sent = await visitor.get(path);
    expect(sent.status).toBe(303);
    expect(sent.location).toBe(`/login?next=${encodeURIComponent(path)}&again=yes`);
    const form = await visitor.get(sent.location ?? '');
    expect(form.text).toContain('Sign in again to let an SSH login in.');
    const signedIn = await visitor.submit(form, '/login', { login: 'owner@acme.test', password: PASSWORD });
    expect(signedIn.location).toBe(path);
    const page = await visitor.get(path);
    expect(page.heading).toContain('as root?');
    expect((await visitor.submit(page, path, { decision: 'allow' })).heading).toBe('The session is open');
    expect(await stateOf(path)).toBe('allowed');
    expect((await visitor.get(path)).status).toBe(404);
  });

  it('an older session cannot send the form of the page either', async () => {
    const visitor = await server.signedIn('owner@acme.test');
    const fresh = await waiting();
    const again = await server.signedIn('owner@acme.test');
    const page = await again.get(fresh);
    expect(page.status).toBe(200);
    const csrf = /name="csrf"[^>]*value="([^"]+)"/.exec((await visitor.get('/account')).text)?.[1] ?? '';
    const refused = await visitor.submit(page, fresh, { decision: 'allow', csrf });
    expect(refused.status).toBe(303);
    expect(await stateOf(fresh)).toBeUndefined();
  });

  it('refuses when the person refuses, or says anything else', async () => {
    for (const decision of ['refuse', 'x']) {
      const path = await waiting();
      const visitor = await server.signedIn('owner@acme.test');
      const page = await visitor.get(path);
      expect((await visitor.submit(page, path, { decision })).heading).toBe('Refused');
      expect(await stateOf(path)).toBe('denied');
    }
  });

  it('shows nothing of logins of others, of old ones, and of ids that never were', async () => {
    const others = await waiting(server.api.owner.id + 1_000);
    const old = await waiting();
    server.api.clock.advance(5 * MINUTE);
    const visitor = await server.signedIn('owner@acme.test');
    const pages = [others, old, `${SSH_CHECK_PATH}1x${'a'.repeat(32)}`, `${SSH_CHECK_PATH}x`];
    for (const path of pages) expect((await visitor.get(path)).status).toBe(404);
  });

  it('sends whoever has no session to sign in, and back', async () => {
    const path = await waiting();
    const answer = await server.visitor().get(path);
    expect(answer.location).toBe(`/login?next=${encodeURIComponent(path)}`);
  });
});
