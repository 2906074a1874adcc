import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createTailscaleServer } from './support.ts';

const ACL = '/api/v2/tailnet/-/acl';
/** Already in the canonical layout, so that its ETag is the digest of the very text. */
const CANONICAL = `{
	// everybody
	"acls": [
		{"action": "accept", "src": ["*"], "dst": ["*:*"]},
	],
}
`;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.each(ENGINES)('the policy file over the REST API on %s', (engine) => {
  let api: ApiServer;
  const set = (body: string, headers: Record<string, string> = {}) =>
    api.call('POST', ACL, { body, headers });
  const get = (headers: Record<string, string> = {}) => api.call('GET', ACL, { headers });

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('what is written is read back byte for byte, comments, trailing commas and odd blanks included', async () => {
    const odd =
      '// ü\r\n{ "ACLs" : [ {"Action":"accept",\t"Users":["*"],"Ports":["*:*",], } ] , /* end */ }\n\n';
    const saved = await set(odd, { 'content-type': 'application/hujson' });
    expect([saved.status, saved.text]).toEqual([200, odd]);
    const read = await get({ accept: 'application/hujson' });
    expect(read.text).toBe(odd);
    expect(read.headers['content-type']).toMatch(/^application\/hujson/u);
    expect(read.headers.etag).toBe(saved.headers.etag);
  });

  test('as JSON it comes without comments and with its keys as they were written', async () => {
    await set('{ // x\n"ACLs":[{"Action":"accept","Users":["*"],"Ports":["*:*"]},],}');
    const read = await get({ accept: 'application/json' });
    expect(read.headers['content-type']).toMatch(/^application\/json/u);
    expect(read.json()).toEqual({ ACLs: [{ Action: 'accept', Users: ['*'], Ports: ['*:*'] }] });
  });

  test('as JSON it has every digit of a number', async () => {
    const grant =
      '{"src": ["*"], "dst": ["*"], "app": {"example.com/cap": [{"id": 12345678901234567890, "x": 1.0}]}}';
    await set(`{"grants": [${grant},], /* c */}`);
    const { text } = await get({ accept: 'application/json' });
    expect(text).toBe(`{"grants":[${grant.replaceAll(' ', '')}]}`);
  });

  test('the ETag is the quoted SHA-256 of the canonical form, on every variant', async () => {
    const saved = await set(CANONICAL);
    const etag = `"${sha256(CANONICAL)}"`;
    expect(saved.headers.etag).toBe(etag);
    for (const path of [ACL, `${ACL}?details=1`]) {
      for (const accept of ['application/json', 'application/hujson', '*/*']) {
        expect((await api.call('GET', path, { headers: { accept } })).headers.etag).toBe(etag);
      }
    }
    const squeezed = CANONICAL.replace('{"action": "accept"', '{"action":"accept"');
    expect((await set(squeezed)).headers.etag).toBe(etag);
    expect((await get()).text).toBe(squeezed);
  });

  test('details give the file in base64 with null for what there is not', async () => {
    await set(CANONICAL);
    const answer = await api.call('GET', `${ACL}?details=1`, { headers: { accept: 'application/hujson' } });
    expect(answer.json()).toEqual({
      acl: Buffer.from(CANONICAL).toString('base64'),
      warnings: null,
      errors: null,
    });
  });

  test.each([
    ['the quoted ETag', (etag: string) => etag, 200],
    ['the ETag without quotes', (etag: string) => etag.slice(1, -1), 200],
    ['an ETag whose quotes were quoted', (etag: string) => JSON.stringify(etag), 200],
    ['an ETag with two quotes on each side', (etag: string) => `"${etag}"`, 200],
    ['a star', () => '*', 200],
    ['an empty ETag', () => '""', 412],
    ['an empty ETag whose quotes were quoted', () => JSON.stringify('""'), 412],
    ['an ETag that is a weak one', (etag: string) => `W/${etag}`, 412],
    ['another ETag', () => `"${'0'.repeat(64)}"`, 412],
    ['the words for the default', () => '"ts-default"', 412],
  ])('a write on %s', async (_name, condition, status) => {
    const { headers } = await set(CANONICAL);
    const answer = await set('{"grants":[{"src":["*"],"dst":["*"],"ip":["*"]}]}', {
      'if-match': condition(String(headers.etag)),
    });
    expect(answer.status).toBe(status);
    if (status === 412) {
      expect(answer.json()).toEqual({ message: 'precondition failed, invalid old hash' });
      expect((await get()).text).toBe(CANONICAL);
    }
  });

  test('ts-default holds for the untouched file only, and again after a reset by an empty body', async () => {
    const original = (await get()).text;
    const onDefault = { 'if-match': '"ts-default"' };
    expect((await set(CANONICAL, onDefault)).status).toBe(200);
    expect((await set(CANONICAL, onDefault)).status).toBe(412);
    const reset = await set('');
    expect([reset.status, reset.text]).toEqual([200, original]);
    expect((await set(original, onDefault)).status).toBe(200);
    expect((await set(CANONICAL, onDefault)).status).toBe(412);
  });

  test('of many writers on one state exactly one wins', async () => {
    const etag = String((await get()).headers.etag);
    const files = Array.from({ length: 20 }, (_, writer) => `// ${writer}\n${CANONICAL}`);
    const answers = await Promise.all(files.map((file) => set(file, { 'if-match': etag })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect((await get()).text).toBe(files[winner]);
  });

  test.each([
    ['{"acls":[}', 'line 1, column 10: '],
    ['{\n  "acls": [\n    {"action" "accept"}\n  ]\n}', 'line 3, column 15: '],
    ['[]', 'line 1, column 1: '],
    ['"x"', 'line 1, column 1: '],
  ])('the text %j is refused with its line and column', async (text, where) => {
    const before = (await get()).text;
    const answer = await set(text);
    expect(answer.status).toBe(400);
    expect(answer.json<{ message: string }>().message.startsWith(where)).toBe(true);
    expect((await get()).text).toBe(before);
  });

  test('a file beyond its bound is refused', async () => {
    const answer = await set(`{"acls":[]}//${'x'.repeat(1024 * 1024)}`);
    expect(answer.status).toBe(413);
    expect(answer.json()).toHaveProperty('message');
  });

  test('bytes that are no UTF-8 are refused', async () => {
    const answer = await api.server.inject({
      method: 'POST',
      url: ACL,
      headers: { authorization: `Bearer ${api.token}` },
      payload: Buffer.from([0x7b, 0xff, 0x7d]),
    });
    expect([answer.statusCode, answer.json()]).toEqual([400, { message: 'request body is not valid UTF-8' }]);
  });

  test('each saved version is an audit event with the text before and after', async () => {
    const org = api.organization.id;
    const { auditSeq } = await api.store.auditHead(org);
    await set(CANONICAL);
    await set(CANONICAL);
    const events = await api.store.auditEvents(org, { afterSeq: auditSeq, limit: 10 });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      verb: 'update',
      objectKind: 'policyVersion',
      after: JSON.stringify(CANONICAL),
    });
  });
});

describe('what the policy language refuses', () => {
  let api: ApiServer;
  const set = (file: unknown) => api.call('POST', ACL, { body: file });
  const validate = (body: unknown) => api.call('POST', `${ACL}/validate`, { body: body as object });
  const allow = [{ action: 'accept', src: ['*'], dst: ['*:*'] }];

  beforeEach(async () => {
    api = await createTailscaleServer('sqlite');
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test.each([
    [{ acls: [{ action: 'accept', src: ['tag:x'], dst: ['*:*'] }] }, 36, 'src=tag not found: "tag:x"'],
    [
      { acls: [{ action: 'accept', src: ['*'], dst: ['tag:x:22'] }] },
      48,
      'dst="tag:x": tag not found: "tag:x"',
    ],
    [
      { acls: [{ action: 'accept', src: ['autogroup:self'], dst: ['*:*'] }] },
      36,
      '"autogroup:self" not valid on the src side of a rule',
    ],
    [{ acls: [{ action: 'deny', src: ['*'], dst: ['*:*'] }] }, 20, 'action="deny" is not supported'],
    [{ grants: [{ src: ['*'], dst: ['*'] }] }, 12, 'ip and app can not both be empty'],
    [
      { groups: { 'group:a': ['group:b'] } },
      23,
      'groups["group:a"]: "group:b": group members cannot be recursive',
    ],
    [
      { ssh: [{ action: 'Accept', src: ['*'], dst: ['*'], users: ['x'] }] },
      19,
      '"Accept" is not a valid action',
    ],
  ])('%j, at column %d', async (file, column, message) => {
    const data = [{ user: '', errors: [`line 1, column ${column}`] }];
    const answer = await set(file);
    expect([answer.status, answer.json()]).toEqual([400, { message, data }]);
    expect((await validate(file)).json()).toEqual({ message, data });
  });

  test('a list of tests of the wrong shape is refused with its place in the list', async () => {
    const answer = await api.call('POST', `${ACL}/validate`, { body: '[\n {"src": "x", "no": 1}]' });
    expect(answer.json()).toEqual({ message: 'line 2, column 15: unknown field: "no"' });
  });

  test('a file whose tests fail is not saved, and says which failed', async () => {
    const before = (await api.call('GET', ACL)).text;
    const file = {
      acls: [{ action: 'accept', src: ['owner@acme.test'], dst: ['tag:web:443'] }],
      tagOwners: { 'tag:web': [] },
      tests: [{ src: 'owner@acme.test', accept: ['tag:web:443', 'tag:web:80'], deny: ['tag:web:22'] }],
    };
    const answer = await set(file);
    const failed = {
      message: 'test(s) failed',
      data: [{ user: 'owner@acme.test', errors: ['address "tag:web:80": want: Accept, got: Drop'] }],
    };
    expect([answer.status, answer.json()]).toEqual([400, failed]);
    const validated = await validate(file);
    expect([validated.status, validated.json()]).toEqual([200, failed]);
    expect((await api.call('GET', ACL)).text).toBe(before);
  });

  test('validating a good file answers exactly {}, and saves nothing', async () => {
    const before = (await api.call('GET', ACL)).text;
    const answer = await validate({ acls: allow, groups: { 'group:a': ['nobody@acme.test'] } });
    expect([answer.status, answer.text]).toEqual([200, '{}']);
    expect((await api.call('GET', ACL)).text).toBe(before);
  });

  test('a list of tests runs against the present file', async () => {
    await set({
      acls: [{ action: 'accept', src: ['owner@acme.test'], dst: ['tag:web:443'] }],
      tagOwners: { 'tag:web': [] },
    });
    const good = await validate([{ src: 'owner@acme.test', accept: ['tag:web:443'] }]);
    expect([good.status, good.text]).toEqual([200, '{}']);
    const bad = await validate([{ src: 'owner@acme.test', deny: ['tag:web:443'] }]);
    expect([bad.status, bad.json()]).toEqual([
      200,
      {
        message: 'test(s) failed',
        data: [{ user: 'owner@acme.test', errors: ['address "tag:web:443": want: Drop, got: Accept'] }],
      },
    ]);
  });

  test('a preview shows the rules that concern a person, or an address and port, with their lines', async () => {
    const file = `{
  "groups": {"group:dev": ["owner@acme.test"]},
  "acls": [
    {"action": "accept", "src": ["group:dev"], "dst": ["10.0.0.0/24:22,80-90"]},
    {"action": "accept", "src": ["tag:ci"], "dst": ["10.0.0.7:443"]},
  ],
  "tagOwners": {"tag:ci": []},
}`;
    const preview = async (query: string) => {
      const answer = await api.call('POST', `${ACL}/preview?${query}`, { body: file });
      return [answer.status, answer.json()];
    };
    expect(await preview('type=user&previewFor=owner@acme.test')).toEqual([
      200,
      {
        matches: [
          expect.objectContaining({
            users: ['group:dev'],
            ports: ['10.0.0.0/24:22', '10.0.0.0/24:80-90'],
            lineNumber: 4,
          }),
        ],
        type: 'user',
        previewFor: 'owner@acme.test',
      },
    ]);
    const byAddress = await preview(`type=ipport&previewFor=${encodeURIComponent('10.0.0.7:443')}`);
    expect(byAddress).toMatchObject([200, { matches: [{ users: ['tag:ci'], lineNumber: 5 }] }]);
    expect(await preview(`type=ipport&previewFor=${encodeURIComponent('10.9.9.9:1')}`)).toMatchObject([
      200,
      { matches: [] },
    ]);
    for (const query of [
      'type=user&previewFor=nobody@acme.test',
      'type=ipport&previewFor=x',
      'type=x&previewFor=y',
      '',
    ]) {
      expect(await preview(query)).toEqual([400, { message: expect.any(String) }]);
    }
    expect(
      (await api.call('POST', `${ACL}/preview?type=user&previewFor=owner@acme.test`, { body: '{' })).status,
    ).toBe(400);
  });

  test('details warn of people whom nobody knows', async () => {
    await set({ acls: allow, groups: { 'group:x': ['u@d.test'] } });
    const { warnings } = (await api.call('GET', `${ACL}?details=1`)).json<{ warnings: string[] }>();
    expect(warnings).toEqual(['"group:x": user not found: "u@d.test"']);
  });
});
