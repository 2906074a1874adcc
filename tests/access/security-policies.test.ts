// What security policies ask of devices, over HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNativeApi } from '../../src/api/native/index.ts';
import { securityPolicyOperations } from '../../src/api/native/security-policies.ts';
import { createDirectory } from '../../src/domain/directory/directory.ts';
import { createSecurityPolicyService } from '../../src/domain/networks/security-policy-service.ts';
import { conditionProblem } from '../../src/policy/index.ts';
import { type ApiServer, createApiServer, ENGINES } from '../support/api-server.ts';

const PATH = '/app/api/security-policies';

interface Policy {
  readonly id: number;
  readonly type: string;
  readonly conditions: readonly string[];
}

describe.each(ENGINES)('conditions of security policies on %s', (engine) => {
  let api: ApiServer;
  let member = '';
  let foreign = '';
  beforeAll(async () => {
    api = await createApiServer(engine, ({ store, authenticator, onError }) => [
      createNativeApi({
        operations: securityPolicyOperations(
          createSecurityPolicyService({ store, problemOf: conditionProblem }),
          createDirectory({ store }),
        ),
        authenticate: authenticator.authenticate,
        onClose: () => undefined,
        onDefect: onError,
      }),
    ]);
    const of = api;
    member = (await api.createMember(of, 'member', 'bob')).token;
    foreign = (await api.createOrganization('rival')).token;
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const list = async (): Promise<Policy[]> => {
    const answer = await api.call('GET', PATH);
    return answer.json<{ security_policies: Policy[] }>().security_policies;
  };
  const put = (id: number, conditions: unknown, token?: string) =>
    api.call('PUT', `${PATH}/${id}`, { body: { conditions }, ...(token === undefined ? {} : { token }) });

  test('are written and read back, and refused with the place of what is wrong', async () => {
    const [policy] = await list();
    expect(policy).toMatchObject({ type: 'default', conditions: [] });
    const id = policy?.id ?? 0;
    const conditions = ['node:trusted == true', "node:os IN ['linux', 'macos']"];
    expect((await put(id, conditions)).json<Policy>()).toMatchObject({ conditions });
    const wrong = await put(id, ['node:trusted == true', 'node:trusted ~ true']);
    expect(wrong.json<{ field: string }>()).toMatchObject({ code: 'invalid', field: 'conditions.1' });
    for (const body of ['x', [1], ['a'.repeat(2_000)], Array(200).fill('node:trusted == true')])
      expect((await put(id, body)).status).toBe(400);
    expect((await list())[0]?.conditions).toEqual(conditions);
  });

  test('are for those who write access, in their own organization', async () => {
    const id = (await list())[0]?.id ?? 0;
    const before = (await list())[0]?.conditions;
    expect((await put(id, [], member)).status).toBe(403);
    expect((await put(id, [], foreign)).status).toBe(404);
    expect((await list())[0]?.conditions).toEqual(before);
  });
});
