/**
 * Policies of a hundred kilobytes that are as much work as their author could make them: each fills the size with one kind
 * of thing, or sets many of one thing against many of another. bench/policy-hostile.ts measures them, the property tests
 * hold them to their deadline.
 */

export interface Shape {
  readonly name: string;
  /** Whether such a file compiles, or is refused with a message. */
  readonly compiles: boolean;
  readonly text: string;
}

const SHAPE_SIZE = 100_000;

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** As many items as fit into a number of characters. */
function many<T extends Json>(characters: number, item: (i: number) => T): T[] {
  const out: T[] = [];
  for (let left = characters; ; ) {
    const one = item(out.length);
    left -= JSON.stringify(one).length + 1;
    if (left < 0) return out;
    out.push(one);
  }
}

/** The same for the members of an object. */
const manyMembers = (characters: number, member: (i: number) => readonly [string, Json]) =>
  Object.fromEntries(
    many(characters, (i) => [...member(i)]).map(([name, value]) => [String(name), value ?? null]),
  );

const repeat = (unit: string): string => unit.repeat(Math.floor(SHAPE_SIZE / unit.length));
const WHOLE = SHAPE_SIZE - 200;
const HALF = WHOLE / 2;
const TENTH = WHOLE / 10;

const octets = (i: number): string => `${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
const accept = (src: readonly string[], dst: readonly string[]): Json => ({ action: 'accept', src, dst });
const tags = (count: number): Json =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`tag:t${i}`, []]));
const ONE_TAG: Json = { 'tag:a': [] };
const CONDITION = "node:os == 'linux'";

/** Files that are not, or hardly, policies. */
const TEXTS: readonly (readonly [string, boolean, string])[] = [
  ['opening brackets', false, '['.repeat(SHAPE_SIZE)],
  ['nested objects', false, repeat('{"a":')],
  ['nested derpMap', false, `{"derpMap":${'['.repeat(49_000)}${']'.repeat(49_000)}}`],
  [
    'a nested capability',
    false,
    `{"grants":[{"src":["*"],"dst":["*"],"app":{"a.b/c":${'['.repeat(49_000)}${']'.repeat(49_000)}}}]}`,
  ],
  ['block comments', true, `${repeat('/* x */ ')}{}`],
  ['line comments', true, `${repeat('//\n')}{}`],
  ['comments between all', true, `{"groups":{${repeat('/**/"group:a"/**/:/**/[/**/]/**/,')}}}`],
  ['a comment without end', false, `{}/*${'*'.repeat(SHAPE_SIZE)}`],
  ['empty lines before an error', false, `{"acls":[${'\n'.repeat(WHOLE)}x]}`],
  [
    'empty lines between rules',
    true,
    `{"acls":[${repeat('\n\n\n{"action":"accept","src":["*"],"dst":["*:*"]},')}]}`,
  ],
  ['escapes', true, `{"groups":{"group:${repeat('\\u0061')}":[]}}`],
  ['escaped surrogates', true, `{"groups":{"group:a":["${repeat('\\ud83d\\ude00')}@a.b"]}}`],
  ['lone surrogates', true, `{"groups":{"group:a":["${repeat('\\ud83d')}@a.b"]}}`],
  ['combining marks', true, `{"groups":{"group:${'a\u0301'.repeat(WHOLE / 2)}":[]}}`],
  ['backslashes', true, `{"hosts":{"${'\\\\'.repeat(HALF)}":"1.2.3.4"}}`],
  ['members of one name', true, `{"hosts":{${repeat('"a":"1.2.3.4",')}}}`],
  ['sections of one name', true, `{${repeat('"hosts":{},')}}`],
  ['unknown sections', false, `{${repeat('"x":1,')}}`],
  [
    'numbers',
    true,
    `{"grants":[{"src":["*"],"dst":["*"],"app":{"example.com/cap/x":[${repeat('1e308,')}]}}]}`,
  ],
  ['numbers where none fit', false, `{"derpMap":[${repeat('1e308,')}]}`],
  ['a long number', false, `{"derpMap":${'1'.repeat(WHOLE)}}`],
  ['blanks', true, `{"acls":[${' '.repeat(WHOLE)}]}`],
];

/** Policies, made from their values. */
const POLICIES: readonly (readonly [string, boolean, () => Json])[] = [
  ['a long group name', true, () => ({ groups: { [`group:${'a'.repeat(WHOLE)}`]: [] } })],
  ['a selector of blanks', false, () => ({ acls: [accept([`${' '.repeat(WHOLE)}x`], ['*:*'])] })],
  ['a selector of colons', false, () => ({ acls: [accept(['*'], [':'.repeat(WHOLE)])] })],
  ['a selector of at signs', true, () => ({ acls: [accept([`a${'@'.repeat(WHOLE)}b`], ['*:*'])] })],
  ['a selector of dots', false, () => ({ acls: [accept(['1.'.repeat(HALF)], ['*:*'])] })],
  ['a selector of hex', false, () => ({ acls: [accept(['f:'.repeat(HALF)], ['*:*'])] })],
  [
    'ports of one target',
    true,
    () => ({ acls: [accept(['*'], [`*:${many(WHOLE, (i) => (i % 60_000) + 1).join(',')}`])] }),
  ],
  [
    'port ranges of one target',
    true,
    () => ({ acls: [accept(['*'], [`*:${many(WHOLE, (i) => `${i + 1}-65535`).join(',')}`])] }),
  ],
  [
    'ports of a grant',
    true,
    () => ({ grants: [{ src: ['*'], dst: ['*'], ip: many(WHOLE, (i) => `${(i % 60_000) + 1}`) }] }),
  ],

  ['equal rules', true, () => ({ acls: many(WHOLE, () => accept(['*'], ['10.0.0.0/8:1'])) })],
  ['shortest rules', true, () => ({ acls: many(WHOLE, () => accept([], [])) })],
  [
    'rules of own addresses',
    true,
    () => ({ acls: many(WHOLE, (i) => accept([`10.${octets(i)}`], [`11.${octets(i)}:${i + 1}`])) }),
  ],
  [
    'rules of own IPv6 addresses',
    true,
    () => ({ acls: many(WHOLE, (i) => accept([`fd00::${i.toString(16)}`], [`fd01::${i.toString(16)}:22`])) }),
  ],
  ['rules of own users', true, () => ({ acls: many(WHOLE, (i) => accept([`u${i}@a.b`], [`v${i}@a.b:22`])) })],
  [
    'sources of one rule',
    true,
    () => ({
      acls: [
        accept(
          many(WHOLE, (i) => `u${i}@a.b`),
          ['*:*'],
        ),
      ],
    }),
  ],
  [
    'address sources of one rule',
    true,
    () => ({
      acls: [
        accept(
          many(WHOLE, (i) => `10.${octets(i * 2)}`),
          ['*:*'],
        ),
      ],
    }),
  ],
  [
    'IPv6 sources of one rule',
    true,
    () => ({
      acls: [
        accept(
          many(WHOLE, (i) => `fd00::${(i * 2).toString(16)}`),
          ['*:*'],
        ),
      ],
    }),
  ],
  [
    'destinations of one rule',
    true,
    () => ({
      acls: [
        accept(
          ['*'],
          many(WHOLE, (i) => `10.${octets(i * 2)}:22`),
        ),
      ],
    }),
  ],
  [
    'destinations of a grant',
    true,
    () => ({ grants: [{ src: ['*'], ip: ['22'], dst: many(WHOLE, (i) => `10.${octets(i * 2)}`) }] }),
  ],
  [
    'sources and destinations of one rule',
    true,
    () => ({
      acls: [
        accept(
          many(HALF, (i) => `u${i}@a.b`),
          many(HALF, (i) => `v${i}@a.b:22`),
        ),
      ],
    }),
  ],
  [
    'destinations and ports of a grant',
    false,
    () => ({
      grants: [
        {
          src: ['*'],
          dst: many(HALF, (i) => `10.${octets(i)}`),
          ip: many(HALF, (i) => `${(i % 60_000) + 1}`),
        },
      ],
    }),
  ],
  [
    'fewer destinations and ports of a grant',
    true,
    () => ({
      grants: [
        {
          src: ['*'],
          dst: many(TENTH / 2, (i) => `10.${octets(i)}`),
          ip: many(TENTH / 2, (i) => `${(i % 60_000) + 1}`),
        },
      ],
    }),
  ],

  ['groups', true, () => ({ groups: manyMembers(WHOLE, (i) => [`group:${i}`, []]) })],
  [
    'groups in groups',
    false,
    () => ({ groups: manyMembers(WHOLE, (i) => [`group:${i}`, [`group:${i + 1}`]]) }),
  ],
  [
    'members of a group',
    true,
    () => ({ groups: { 'group:a': many(WHOLE, (i) => `u${i}@a.b`) }, acls: [accept(['group:a'], ['*:*'])] }),
  ],
  [
    'one member of many groups',
    true,
    () => ({ groups: manyMembers(WHOLE, (i) => [`group:${i}`, ['a@b.c']]) }),
  ],
  [
    'rules of own groups',
    true,
    () => ({
      groups: manyMembers(WHOLE / 3, (i) => [`group:${i}`, ['a@b.c']]),
      acls: many((WHOLE / 3) * 2, (i) => accept([`group:${i % 1_000}`], [`group:${(i + 1) % 1_000}:22`])),
    }),
  ],
  [
    'groups of the directory',
    false,
    () => ({
      acls: [
        accept(
          many(WHOLE, (i) => `group:g${i}@a.b`),
          ['*:*'],
        ),
      ],
    }),
  ],

  ['hosts', true, () => ({ hosts: manyMembers(WHOLE, (i) => [`h${i}`, `10.${octets(i)}`]) })],
  [
    'hosts in one rule',
    true,
    () => ({
      hosts: manyMembers(HALF, (i) => [`h${i}`, `10.${octets(i * 2)}`]),
      acls: [
        accept(
          many(HALF / 2, (i) => `h${i % 1_500}`),
          many(HALF / 2, (i) => `h${i % 1_500}:1`),
        ),
      ],
    }),
  ],
  [
    'hosts in rules of their own',
    true,
    () => ({
      hosts: manyMembers(HALF, (i) => [`h${i}`, `10.${octets(i * 2)}`]),
      acls: many(HALF, (i) => accept([`h${i}`], [`h${i + 1}:22`])),
    }),
  ],
  ['tags', true, () => ({ tagOwners: manyMembers(WHOLE, (i) => [`tag:t${i}`, []]) })],
  [
    'tags that own the next',
    true,
    () => ({ tagOwners: manyMembers(WHOLE, (i) => [`tag:t${i}`, [`tag:t${Math.max(0, i - 1)}`]]) }),
  ],
  ['owners of a tag', true, () => ({ tagOwners: { 'tag:a': many(WHOLE, (i) => `u${i}@a.b`) } })],
  [
    'rules of own tags',
    true,
    () => ({
      tagOwners: tags(2_000),
      acls: many(WHOLE - 30_000, (i) => accept([`tag:t${i % 2_000}`], [`tag:t${(i * 7) % 2_000}:${i + 1}`])),
    }),
  ],

  [
    'steps of an IP set, by turns',
    true,
    () => ({ ipsets: { 'ipset:a': many(WHOLE, (i) => `${i % 2 ? 'remove' : 'add'} 10.${octets(i * 3)}`) } }),
  ],
  [
    'IPv6 steps of an IP set, by turns',
    true,
    () => ({ ipsets: { 'ipset:a': many(WHOLE, (i) => `${i % 2 ? 'remove' : 'add'} ${i.toString(16)}::1`) } }),
  ],
  [
    'holes in an IP set',
    true,
    () => ({
      ipsets: { 'ipset:a': ['add ::/0', ...many(WHOLE, (i) => `remove ${i.toString(16)}::1`)] },
      acls: [accept(['ipset:a'], ['ipset:a:22'])],
    }),
  ],
  [
    'nested steps of an IP set',
    true,
    () => ({
      ipsets: {
        'ipset:a': many(WHOLE, (i) => `${i % 2 ? 'remove' : 'add'} 10.${octets(i)}-10.${octets(20_000 - i)}`),
      },
    }),
  ],
  [
    'whole and nothing by turns',
    true,
    () => ({ ipsets: { 'ipset:a': many(WHOLE, (i) => (i % 2 ? 'remove ::/0' : `${i.toString(16)}::/16`)) } }),
  ],
  ['blanks in a step', false, () => ({ ipsets: { 'ipset:a': [`add x${' '.repeat(WHOLE)}y`] } })],
  ['IP sets', true, () => ({ ipsets: manyMembers(WHOLE, (i) => [`ipset:${i}`, ['1.1.1.1']]) })],
  [
    'IP sets in a chain',
    false,
    () => ({ ipsets: manyMembers(WHOLE, (i) => [`ipset:${i}`, [`ipset:${i + 1}`]]) }),
  ],
  [
    'IP sets each on the one before',
    false,
    () => ({
      ipsets: manyMembers(WHOLE, (i) => [
        `ipset:${i}`,
        [...(i > 0 ? [`ipset:${i - 1}`] : []), `10.${octets(i * 2)}`],
      ]),
    }),
  ],
  [
    'IP sets that turn one large one',
    true,
    () => ({
      ipsets: {
        'ipset:a': many(TENTH, (i) => `${(i * 2).toString(16)}::1`),
        'ipset:b': many(WHOLE - TENTH, (i) => (i % 2 ? 'remove ipset:a' : 'add ipset:a')),
      },
    }),
  ],
  [
    'IP sets that turn two large ones',
    true,
    () => ({
      ipsets: {
        'ipset:a': many(HALF / 2, (i) => `${(i * 2).toString(16)}::1`),
        'ipset:b': many(HALF / 2, (i) => `${(i * 2).toString(16)}:1::1`),
        'ipset:c': many(HALF, (i) => `${i % 4 < 2 ? 'add' : 'remove'} ipset:${i % 2 ? 'a' : 'b'}`),
      },
    }),
  ],
  [
    'IP sets that turn a large one in sets of their own',
    false,
    () => ({
      ipsets: {
        'ipset:a': many(HALF, (i) => `10.${octets(i * 2)}`),
        ...manyMembers(HALF, (i) => [`ipset:b${i}`, ['ipset:a', 'remove 0.0.0.0/0']]),
      },
    }),
  ],
  [
    'copies of a large IP set',
    false,
    () => ({
      ipsets: {
        'ipset:a': many(HALF, (i) => `10.${octets(i * 2)}`),
        ...manyMembers(HALF, (i) => [`ipset:b${i}`, ['ipset:a', `11.${octets(i)}`]]),
      },
    }),
  ],
  [
    'copies of a smaller IP set',
    true,
    () => ({
      ipsets: {
        'ipset:a': many(1_000, (i) => `10.${octets(i * 2)}`),
        ...manyMembers(40_000, (i) => [`ipset:b${i}`, ['ipset:a', `11.${octets(i)}`]]),
      },
      acls: many(50_000, (i) => accept([`ipset:b${i % 900}`], [`ipset:b${(i + 1) % 900}:22`])),
    }),
  ],
  [
    'copies of a large IP set by twos',
    false,
    () => ({
      ipsets: {
        'ipset:a': many(30_000, (i) => `10.${octets(i * 2)}`),
        ...Object.fromEntries(
          Array.from({ length: 40 }, (_, i) => [`ipset:b${i}`, ['ipset:a', `11.${octets(i)}`]]),
        ),
      },
      acls: many(60_000, (i) =>
        accept([`ipset:b${i % 40}`, `ipset:b${(i + 7) % 40}`], [`ipset:b${(i + 1) % 40}:22`]),
      ),
    }),
  ],
  [
    'copies of a smaller IP set by twos',
    true,
    () => ({
      ipsets: {
        'ipset:a': many(3_000, (i) => `10.${octets(i * 2)}`),
        ...Object.fromEntries(
          Array.from({ length: 40 }, (_, i) => [`ipset:b${i}`, ['ipset:a', `11.${octets(i)}`]]),
        ),
      },
      acls: many(60_000, (i) =>
        accept([`ipset:b${i % 40}`, `ipset:b${(i + 7) % 40}`], [`ipset:b${(i + 1) % 40}:22`]),
      ),
    }),
  ],
  [
    'one large IP set in many rules',
    false,
    () => ({
      ipsets: { 'ipset:a': many(HALF, (i) => `10.${octets(i * 2)}`) },
      acls: many(HALF, (i) => accept(['ipset:a'], [`ipset:a:${i + 1}`])),
    }),
  ],
  [
    'one smaller IP set in many rules',
    true,
    () => ({
      ipsets: { 'ipset:a': many(HALF / 10, (i) => `10.${octets(i * 2)}`) },
      acls: many(HALF, (i) => accept(['ipset:a'], [`ipset:a:${i + 1}`])),
    }),
  ],
  [
    'a large IP set with another address in many rules',
    false,
    () => ({
      ipsets: { 'ipset:a': many(HALF, (i) => `10.${octets(i * 2)}`) },
      acls: many(HALF, (i) => accept(['ipset:a', `11.${octets(i)}`], [`*:${i + 1}`])),
    }),
  ],
  [
    'a smaller IP set with another address in many rules',
    true,
    () => ({
      ipsets: { 'ipset:a': many(HALF / 10, (i) => `10.${octets(i * 2)}`) },
      acls: many(HALF, (i) => accept(['ipset:a', `11.${octets(i)}`], [`*:${i + 1}`])),
    }),
  ],
  [
    'a large IP set among destinations of many rules',
    false,
    () => ({
      ipsets: { 'ipset:a': many(HALF, (i) => `10.${octets(i * 2)}`) },
      grants: many(HALF, (i) => ({
        src: [`u${i}@a.b`],
        dst: ['ipset:a', `11.${octets(i)}`],
        ip: [`${i + 1}`],
      })),
    }),
  ],
  [
    'a smaller IP set among destinations of many rules',
    true,
    () => ({
      ipsets: { 'ipset:a': many(HALF / 10, (i) => `10.${octets(i * 2)}`) },
      grants: many(HALF, (i) => ({
        src: [`u${i}@a.b`],
        dst: ['ipset:a', `11.${octets(i)}`],
        ip: [`${i + 1}`],
      })),
    }),
  ],

  [
    'capabilities of a grant',
    true,
    () => ({ grants: [{ src: ['*'], dst: ['*'], app: manyMembers(WHOLE, (i) => [`a.b/c${i}`, []]) }] }),
  ],
  [
    'capabilities and destinations of a grant',
    true,
    () => ({
      grants: [
        {
          src: ['*'],
          dst: many(HALF, (i) => `10.${octets(i)}`),
          app: manyMembers(HALF, (i) => [`a.b/c${i}`, []]),
        },
      ],
    }),
  ],
  [
    'a long capability and destinations',
    true,
    () => ({
      grants: [
        { src: ['*'], dst: many(HALF, (i) => `10.${octets(i)}`), app: { 'a.b/c': ['x'.repeat(HALF)] } },
      ],
    }),
  ],
  [
    'capabilities with companions',
    true,
    () => ({
      grants: many(WHOLE, (i) => ({
        src: [`u${i}@a.b`],
        dst: [`v${i}@a.b`],
        app: { 'tailscale.com/cap/drive': [], 'tailscale.com/cap/relay': [] },
      })),
    }),
  ],
  [
    'destinations with companions',
    true,
    () => ({
      grants: [
        {
          src: many(HALF, (i) => `u${i}@a.b`),
          dst: many(HALF, (i) => `v${i}@a.b`),
          app: { 'tailscale.com/cap/drive': [], 'tailscale.com/cap/relay': [] },
        },
      ],
    }),
  ],
  [
    'a long capability name',
    false,
    () => ({ grants: [{ src: ['*'], dst: ['*'], app: { [`${'a.'.repeat(HALF)}`]: [] } }] }),
  ],
  [
    'via tags',
    true,
    () => ({
      tagOwners: tags(2_000),
      grants: [
        { src: ['*'], dst: ['10.0.0.0/8'], ip: ['*'], via: many(WHOLE - 30_000, (i) => `tag:t${i % 2_000}`) },
      ],
    }),
  ],
  [
    'rules with via',
    true,
    () => ({
      tagOwners: tags(500),
      grants: many(WHOLE - 8_000, (i) => ({
        src: ['*'],
        dst: [`10.${octets(i)}`],
        ip: ['*'],
        via: [`tag:t${i % 500}`],
      })),
    }),
  ],
  [
    'destinations and via tags',
    true,
    () => ({
      tagOwners: tags(1_500),
      grants: [
        {
          src: ['*'],
          dst: many(HALF, (i) => `10.${octets(i)}`),
          ip: ['*'],
          via: many(HALF / 2, (i) => `tag:t${i % 1_500}`),
        },
      ],
    }),
  ],

  ['postures', true, () => ({ postures: manyMembers(WHOLE, (i) => [`posture:${i}`, []]) })],
  [
    'conditions of a posture',
    true,
    () => ({
      postures: { 'posture:a': many(WHOLE, () => CONDITION) },
      acls: [{ action: 'accept', src: ['*'], dst: ['*:*'], srcPosture: ['posture:a'] }],
    }),
  ],
  [
    'values of a condition',
    true,
    () => ({
      postures: {
        'posture:a': [
          `x IN [${many(WHOLE, (i) => `a${i}`)
            .map((value) => `'${value}'`)
            .join()}]`,
        ],
      },
    }),
  ],
  ['a broken condition', false, () => ({ postures: { 'posture:a': [`x IN ${"['".repeat(HALF)}`] } })],
  ['blanks in a condition', false, () => ({ postures: { 'posture:a': [`x NOT${' '.repeat(WHOLE)}x`] } })],
  ['a long attribute', false, () => ({ postures: { 'posture:a': ['x:'.repeat(HALF)] } })],
  [
    'a long posture in many rules',
    true,
    () => ({
      postures: { 'posture:a': many(HALF, () => CONDITION) },
      acls: many(HALF, (i) => ({
        action: 'accept',
        src: ['*'],
        dst: [`*:${i + 1}`],
        srcPosture: ['posture:a'],
      })),
    }),
  ],
  [
    'a long default posture',
    true,
    () => ({
      postures: { 'posture:a': many(HALF, () => CONDITION) },
      defaultSrcPosture: ['posture:a'],
      acls: many(HALF, (i) => accept(['*'], [`*:${i + 1}`])),
    }),
  ],
  [
    'a long default posture many times',
    true,
    () => ({
      postures: { 'posture:a': many(HALF, () => CONDITION) },
      defaultSrcPosture: many(TENTH / 10, () => 'posture:a'),
      acls: many(HALF - TENTH, (i) => accept(['*'], [`*:${i + 1}`])),
    }),
  ],
  [
    'many postures of many rules',
    true,
    () => ({
      postures: Object.fromEntries(
        Array.from({ length: 100 }, (_, i) => [`posture:${i}`, many(200, () => CONDITION)]),
      ),
      acls: many(WHOLE - 25_000, (i) => ({
        action: 'accept',
        src: ['*'],
        dst: [`*:${i + 1}`],
        srcPosture: many(600, (j) => `posture:${(i + j) % 100}`),
      })),
    }),
  ],

  [
    'SSH rules',
    true,
    () => ({
      ssh: many(WHOLE, (i) => ({
        action: 'accept',
        src: [`u${i}@a.b`],
        dst: ['autogroup:self'],
        users: ['root'],
      })),
    }),
  ],
  [
    'users of an SSH rule',
    true,
    () => ({
      ssh: [{ action: 'check', src: ['a@b.c'], dst: ['autogroup:self'], users: many(WHOLE, (i) => `u${i}`) }],
    }),
  ],
  [
    'localparts of an SSH rule',
    true,
    () => ({
      ssh: [
        {
          action: 'check',
          src: ['autogroup:member'],
          dst: ['autogroup:self'],
          users: many(WHOLE, (i) => `localpart:*@d${i}.a`),
        },
      ],
    }),
  ],
  [
    'environment of an SSH rule',
    true,
    () => ({
      ssh: [
        {
          action: 'accept',
          src: ['a@b.c'],
          dst: ['autogroup:self'],
          users: ['root'],
          acceptEnv: many(WHOLE, (i) => `E${i}`),
        },
      ],
    }),
  ],
  [
    'destinations of an SSH rule',
    true,
    () => ({
      tagOwners: tags(2_000),
      ssh: [
        {
          action: 'accept',
          src: many(HALF / 2, (i) => `u${i}@a.b`),
          dst: many(HALF / 2, (i) => `tag:t${i % 2_000}`),
          users: ['root'],
        },
      ],
    }),
  ],
  [
    'a long period',
    false,
    () => ({
      ssh: [
        {
          action: 'check',
          src: ['a@b.c'],
          dst: ['autogroup:self'],
          users: ['root'],
          checkPeriod: '1h'.repeat(HALF),
        },
      ],
    }),
  ],
  [
    'a long broken period',
    false,
    () => ({
      ssh: [
        {
          action: 'check',
          src: ['a@b.c'],
          dst: ['autogroup:self'],
          users: ['root'],
          checkPeriod: `${'1'.repeat(WHOLE)}x`,
        },
      ],
    }),
  ],

  [
    'node attributes',
    true,
    () => ({ nodeAttrs: many(WHOLE, (i) => ({ target: [`u${i}@a.b`], attr: [`a${i}`] })) }),
  ],
  [
    'attributes of a target',
    true,
    () => ({ nodeAttrs: [{ target: ['*'], attr: many(WHOLE, (i) => `a${i}`) }] }),
  ],
  [
    'targets of an attribute',
    true,
    () => ({ nodeAttrs: [{ target: many(WHOLE, (i) => `10.${octets(i * 2)}`), attr: ['a'] }] }),
  ],
  [
    'address pools',
    true,
    () => ({
      nodeAttrs: [{ target: ['*'], ipPool: many(WHOLE, (i) => `100.80.${(i >> 8) & 255}.${i & 255}/32`) }],
    }),
  ],
  [
    'address pools of targets',
    true,
    () => ({
      nodeAttrs: many(WHOLE, (i) => ({ target: [`u${i}@a.b`], ipPool: [`100.80.${(i >> 8) & 255}.0/24`] })),
    }),
  ],
  [
    'app connectors',
    true,
    () => ({
      nodeAttrs: [
        {
          target: ['*'],
          app: {
            'tailscale.com/app-connectors': many(WHOLE, (i) => ({
              name: `n${i}`,
              connectors: ['*'],
              domains: ['a.b'],
            })),
          },
        },
      ],
    }),
  ],
  [
    'app connectors in attributes of their own',
    true,
    () => ({
      nodeAttrs: many(WHOLE, (i) => ({
        target: ['*'],
        app: { 'tailscale.com/app-connectors': [{ name: `n${i}`, connectors: ['*'], domains: ['a.b'] }] },
      })),
    }),
  ],
  [
    'attributes of one IP set',
    true,
    () => ({
      ipsets: { 'ipset:a': many(HALF, (i) => `10.${octets(i * 2)}`) },
      nodeAttrs: many(HALF, (i) => ({ target: ['ipset:a'], attr: [`a${i}`] })),
    }),
  ],

  [
    'approved routes',
    true,
    () => ({ autoApprovers: { routes: manyMembers(WHOLE, (i) => [`10.${octets(i)}/32`, ['*']]) } }),
  ],
  [
    'approvers of a route',
    true,
    () => ({ autoApprovers: { routes: { '10.0.0.0/8': many(WHOLE, (i) => `u${i}@a.b`) } } }),
  ],
  [
    'approved services',
    true,
    () => ({ autoApprovers: { services: manyMembers(WHOLE, (i) => [`svc:${i}`, ['a@b.c']]) } }),
  ],
  [
    'attribute configurations',
    true,
    () => ({ attrConfig: manyMembers(WHOLE, (i) => [`custom:${i}`, { type: 'string' }]) }),
  ],

  [
    'tests',
    true,
    () => ({
      acls: [accept(['*'], ['*:*'])],
      tests: many(WHOLE, (i) => ({ src: 'autogroup:member', accept: [`10.${octets(i)}:22`] })),
    }),
  ],
  [
    'accepts of one test',
    true,
    () => ({
      acls: [accept(['*'], ['*:*'])],
      tests: [{ src: 'autogroup:member', accept: many(WHOLE, (i) => `10.${octets(i)}:22`) }],
    }),
  ],
  [
    'denials of one test that hold',
    true,
    () => ({
      acls: many(30_000, (i) => accept([`u${i}@a.b`], [`10.${octets(i)}:22`])),
      tests: [{ src: 'autogroup:member', deny: many(WHOLE - 30_000, (i) => `11.${octets(i)}:22`) }],
    }),
  ],
  ['6,000 denials in tests of their own, of 500 rules', true, () => denials(6_000, 500)],
  [
    '900 tests of 700 rules',
    true,
    () => ({
      acls: Array.from({ length: 700 }, (_, i) => accept([`10.${octets(i)}`], [`11.${octets(i)}:22`])),
      tests: Array.from({ length: 900 }, (_, i) => ({
        src: `10.9.${octets(i).slice(2)}`,
        deny: [`12.${octets(i)}:22`],
      })),
    }),
  ],
  [
    'tests of one source and many rules of addresses',
    true,
    () => ({
      acls: many(HALF, (i) => accept(['autogroup:member'], [`10.${octets(i * 2)}:22`])),
      tests: [{ src: 'autogroup:member', accept: many(HALF, (i) => `10.${octets((i % 700) * 2)}:22`) }],
    }),
  ],
  [
    'tests of rules of many destinations',
    true,
    () => ({
      acls: Array.from({ length: 10 }, (_, j) =>
        accept(
          ['autogroup:member'],
          many(HALF / 10, (i) => `10.${octets(i * 20 + j)}:22`),
        ),
      ),
      tests: [{ src: 'autogroup:member', deny: many(HALF, (i) => `11.${octets(i)}:22`) }],
    }),
  ],
  [
    'tests of rules of many sources',
    true,
    () => ({
      acls: Array.from({ length: 20 }, (_, j) =>
        accept(
          many(HALF / 20, (i) => `u${i}@a.b`),
          [`*:${j + 1}`],
        ),
      ),
      tests: many(HALF, (i) => ({ src: 'autogroup:member', deny: [`11.${octets(i)}:99`] })),
    }),
  ],
  [
    'tests of rules of many ports',
    true,
    () => ({
      acls: Array.from({ length: 20 }, (_, j) =>
        accept(['autogroup:member'], [`*:${many(HALF / 20, (i) => i * 2 + 1 + j * 2_000).join()}`]),
      ),
      tests: [{ src: 'autogroup:member', deny: many(HALF, (i) => `11.${octets(i)}:60000`) }],
    }),
  ],
  [
    'tests of rules with a long posture',
    true,
    () => ({
      postures: { 'posture:a': many(HALF / 2, () => "node:os != 'windows'") },
      acls: many(HALF / 2, (i) => ({
        action: 'accept',
        src: ['*'],
        dst: [`*:${i + 1}`],
        srcPosture: ['posture:a'],
      })),
      tests: [
        {
          src: 'autogroup:member',
          srcPostureAttrs: { 'node:OS': 'linux' },
          deny: many(HALF, (i) => `11.${octets(i)}:60000`),
        },
      ],
    }),
  ],
  [
    'tests with many attributes',
    true,
    () => ({
      postures: { 'posture:a': many(HALF / 4, () => "node:os != 'windows'") },
      acls: many(HALF / 4, (i) => ({
        action: 'accept',
        src: ['*'],
        dst: [`*:${i + 1}`],
        srcPosture: ['posture:a'],
      })),
      tests: [
        {
          src: 'autogroup:member',
          srcPostureAttrs: manyMembers(HALF, (i) => [`a${i}`, i]),
          deny: many(HALF / 2, (i) => `11.${octets(i)}:60000`),
        },
      ],
    }),
  ],
  [
    'tests of one large IP set',
    true,
    () => ({
      ipsets: { 'ipset:a': many(TENTH, (i) => `10.${octets(i * 2)}`) },
      acls: many(WHOLE / 3, (i) => accept(['*'], [`ipset:a:${i + 1}`])),
      tests: [{ src: 'autogroup:member', deny: many(WHOLE / 3, (i) => `10.${octets(i * 2 + 1)}:22`) }],
    }),
  ],
  [
    'tests from addresses, of rules of many address sources',
    true,
    () => ({
      acls: Array.from({ length: 100 }, (_, j) =>
        accept(
          many(HALF / 200, (i) => `10.${octets(i * 20 + j)}`),
          many(HALF / 200, (i) => `10.${octets(i * 20 + j)}:22`),
        ),
      ),
      tests: many(HALF, (i) => ({ src: `12.${octets(i)}`, deny: [`11.${octets(i)}:22`] })),
    }),
  ],
  [
    'tests of tags, of rules of many tags',
    true,
    () => ({
      tagOwners: tags(1_000),
      acls: many(HALF - 8_000, (i) => accept([`tag:t${i % 1_000}`], [`tag:t${(i * 3) % 1_000}:22`])),
      tests: many(HALF - 8_000, (i) => ({
        src: `tag:t${i % 1_000}`,
        deny: [`tag:t${(i * 5 + 1) % 1_000}:23`],
      })),
    }),
  ],
  [
    'tests that fail',
    true,
    () => ({
      acls: [],
      tests: many(WHOLE, (i) => ({ src: 'autogroup:member', accept: [`10.${octets(i)}:22`] })),
    }),
  ],
  [
    'tests of users that do not exist',
    true,
    () => ({ tests: many(WHOLE, (i) => ({ src: `u${i}@a.b`, accept: ['1.1.1.1:1'] })) }),
  ],
  [
    'tests of group members',
    true,
    () => ({
      groups: { 'group:a': many(HALF, (i) => `u${i}@a.b`) },
      acls: [accept(['group:a'], ['*:*'])],
      tests: many(HALF, (i) => ({ src: 'group:a', deny: [`11.${octets(i)}:22`] })),
    }),
  ],

  [
    'SSH tests of many rules',
    true,
    () => ({
      tagOwners: ONE_TAG,
      ssh: many(HALF, (i) => ({ action: 'accept', src: ['tag:a'], dst: ['tag:a'], users: [`u${i}`] })),
      sshTests: many(HALF, (i) => ({ src: 'tag:a', dst: ['tag:a'], deny: [`x${i}`] })),
    }),
  ],
  [
    'destinations of SSH tests of many rules',
    true,
    () => ({
      tagOwners: tags(1_000),
      ssh: many(40_000, (i) => ({
        action: 'accept',
        src: ['autogroup:tagged'],
        dst: [`tag:t${i}`],
        users: [`u${i}`],
      })),
      sshTests: [{ src: 'tag:t1', dst: many(40_000, (i) => `tag:t${i % 1_000}`), deny: ['x'] }],
    }),
  ],
  [
    'logins and destinations of SSH tests',
    true,
    () => ({
      tagOwners: tags(1_000),
      ssh: [
        {
          action: 'accept',
          src: ['autogroup:tagged'],
          dst: ['autogroup:tagged'],
          users: many(30_000, (i) => `u${i}`),
        },
      ],
      sshTests: [
        {
          src: 'tag:t1',
          dst: many(11_000, (i) => `tag:t${i % 1_000}`),
          accept: many(40_000, (i) => `u${i % 3_000}`),
        },
      ],
    }),
  ],
  [
    'SSH tests of localparts',
    true,
    () => ({
      tagOwners: ONE_TAG,
      ssh: [
        { action: 'accept', src: ['tag:a'], dst: ['tag:a'], users: many(HALF, (i) => `localpart:*@d${i}.a`) },
      ],
      sshTests: many(HALF, (i) => ({ src: 'tag:a', dst: ['tag:a'], deny: [`x${i}`] })),
    }),
  ],
  [
    'sources of an SSH rule and SSH tests',
    true,
    () => ({
      tagOwners: ONE_TAG,
      ssh: [{ action: 'accept', src: many(HALF, (i) => `u${i}@a.b`), dst: ['tag:a'], users: ['root'] }],
      sshTests: many(HALF, () => ({ src: 'tag:a', dst: ['tag:a'], deny: ['x'] })),
    }),
  ],
];

function denials(count: number, rules: number): Json {
  const each = Math.ceil(count / 100);
  return {
    acls: Array.from({ length: rules }, (_, i) => accept(['*'], [`10.${octets(i)}:22`])),
    tests: Array.from({ length: Math.ceil(count / each) }, (_, i) => ({
      src: 'autogroup:member',
      deny: Array.from({ length: each }, (_, j) => `1.${octets(i * each + j)}:1`),
    })),
  };
}

/** Every shape; each text is made when it is asked for. */
export function hostileShapes(): Shape[] {
  return [
    ...TEXTS.map(([name, compiles, text]) => ({ name, compiles, text })),
    ...POLICIES.map(([name, compiles, policy]) => ({ name, compiles, text: JSON.stringify(policy()) })),
  ];
}
