// What the policy says of devices that another organization shared: why, and what a change would open and close.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyTextOf, type Row } from '../../src/domain/model/entities.ts';
import type { Organization } from '../../src/domain/model/people.ts';
import type { Change } from '../../src/domain/ports/store.ts';
import { explainAccess } from '../../src/effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../../src/effective-policy/organization-policy.ts';
import { changesImpact, type NamedImpact, policyImpact } from '../../src/effective-policy/policy-impact.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ENGINES } from '../support/engines.ts';
import { createSharedWorld, TCP } from './shared-world.ts';

const SOON_MS = 5_000;
const TEST_MS = 60_000;
const PORTS = [22, 443];
const GATE = 'gate.acme';
const BEYOND = ['8.8.8.8', '10.7.0.1'];
const CLOSED = { acls: [] };
const only = (src: string, dst: string, ip: string) => ({ grants: [{ src: [src], dst: [dst], ip: [ip] }] });

describe.each(ENGINES)('devices shared between two organizations, explained on %s', (engine) => {
  let world: Awaited<ReturnType<typeof createSharedWorld>>;
  let acme: Organization;
  let rival: Organization;
  const invites = new Map<string, number>();
  beforeEach(async () => {
    world = await createSharedWorld(engine);
    acme = world.server.organization;
    rival = world.rival.organization;
    invites.set('printer', await world.share('printer.acme', world.rival.owner));
    invites.set('gate', await world.share('gate.acme', world.rival.owner, true));
    invites.set('gate to mate', await world.share('gate.acme', world.mate));
  }, TEST_MS);
  afterEach(async () => {
    expect(world.server.failures).toEqual([]);
    await world.server.close();
  });

  const load = (organization: Organization, changes: readonly Change[] = []) =>
    loadOrganizationPolicy(world.server.store, systemClock, organization, changes);
  type Loaded = Awaited<ReturnType<typeof load>>;
  const verdict = (loaded: Loaded, source: string, target: string, port: number) => {
    const { organization } = loaded.snapshot;
    const nameOf = (name: string): string =>
      BEYOND.includes(name) ? name : world.nameIn(organization, name);
    const question = { source: nameOf(source), target: nameOf(target), port, protocol: TCP };
    return explainAccess(loaded, question);
  };

  interface Said {
    readonly source: string;
    readonly target: string;
    readonly port: number;
    readonly allowed: boolean;
  }
  /** What is said of every pair and port by all organizations that decide about it. */
  const everything = (loaded: readonly Loaded[]): Said[] => {
    const names = [...world.devices.keys()];
    const decides = (source: string, target: string, id: number): boolean =>
      id === world.organizationOf(source).id ||
      // What stands behind a device is asked of whoever has the one that routes it.
      id === (BEYOND.includes(target) ? acme.id : world.organizationOf(target).id);
    return names.flatMap((source) =>
      [...names, ...BEYOND]
        .filter((target) => target !== source && !(source === GATE && BEYOND.includes(target)))
        .flatMap((target) =>
          PORTS.map((port) => ({
            ...{ source, target, port },
            allowed: loaded
              .filter(({ snapshot }) => decides(source, target, snapshot.organization.id))
              .every((one) => verdict(one, source, target, port).allowed),
          })),
        ),
    );
  };
  /** What is said agrees with all maps, as soon as both are there. Returns how many of the questions pass. */
  const agreed = async (): Promise<number> => {
    let said: readonly Said[] = [];
    const wrong = async (): Promise<string[]> => {
      said = everything([await load(acme), await load(rival)]);
      return said
        .filter(({ source, target, port, allowed }) => world.passes(source, target, port) !== allowed)
        .map(({ source, target, port, allowed }) => `${source} to ${target}:${port} said ${allowed}`);
    };
    await expect.poll(wrong, { timeout: SOON_MS, message: 'explained unlike the maps' }).toEqual([]);
    return said.filter(({ allowed }) => allowed).length;
  };

  const files: readonly (readonly [string, object | null, object | null])[] = [
    ['without rules of their own', null, null],
    ['where the owner opens one port', only('autogroup:shared', 'ada@acme.test', 'tcp:443'), null],
    ['where the owner names one guest', only('owner@rival.test', '*', '*'), null],
    ['where the owner names the internet', only('autogroup:shared', 'autogroup:internet', '*'), null],
    ['where the owner closes everything', CLOSED, null],
    ['where the recipient names one port', null, only('autogroup:member', 'ada@acme.test', 'tcp:443')],
    ['where the recipient names the internet', null, only('*', 'autogroup:internet', '*')],
    ['where the recipient names its own alone', null, only('*', 'tag:x', '*')],
    ['where the recipient closes everything', null, CLOSED],
  ];
  it.each(files)(
    'as all maps are %s',
    async (what, ofAcme, ofRival) => {
      const tagOwners = { 'tag:x': [] };
      await world.setPolicy(acme, ofAcme);
      await world.setPolicy(rival, ofRival && { tagOwners, ...ofRival });
      expect(await agreed(), what).toBeGreaterThan(0);
    },
    TEST_MS,
  );

  it(
    'as all maps are, where two people share with each other',
    async () => {
      await world.share('laptop.rival', world.server.owner);
      expect(await agreed()).toBeGreaterThan(0);
      await world.setPolicy(rival, only('autogroup:shared', '*', 'tcp:22'));
      await agreed();
    },
    TEST_MS,
  );

  const open = (): boolean => world.passes('laptop.rival', 'printer.acme', 22);
  const printer = async () => world.server.row(world.device('printer.acme'));
  const endings: readonly (readonly [string, () => Promise<void>])[] = [
    ['the share was revoked', () => world.revoke(invites.get('printer') ?? 0)],
    [
      'its approval was taken back',
      async () => {
        const { org, id } = await printer();
        await world.server.write(
          async (tx) => void (await tx.update('device', org, id, { authorizedAt: null })),
        );
      },
    ],
    [
      'its key has expired',
      async () => {
        const { org, id } = await printer();
        await world.server.write(
          async (tx) =>
            void (await tx.update('device', org, id, { keyExpiresAt: tx.now - 1, expiryDisabled: false })),
        );
      },
    ],
    [
      'the person who accepted is suspended',
      async () => {
        const { org, id } = world.rival.owner;
        await world.rival.write(
          async (tx) => void (await tx.update('membership', org, id, { suspendedAt: tx.now })),
        );
      },
    ],
  ];
  it.each(endings)(
    'not where %s',
    async (_, end) => {
      await expect.poll(open, { timeout: SOON_MS }).toBe(true);
      await end();
      await expect.poll(open, { timeout: SOON_MS }).toBe(false);
      await agreed();
      for (const organization of [acme, rival]) {
        const { allowed, verdicts, target, source } = verdict(
          await load(organization),
          'laptop.rival',
          'printer.acme',
          22,
        );
        expect(allowed).toBe(false);
        expect(
          [target.problem, source.problem, ...verdicts.flatMap(({ problems }) => problems)].join(''),
        ).not.toBe('');
      }
    },
    TEST_MS,
  );

  it(
    'with why, under full names, and who else decides',
    async () => {
      const [home, away] = [await load(acme), await load(rival)];
      const inward = verdict(home, 'laptop.rival', 'printer.acme', 22).verdicts[0];
      expect(inward).toMatchObject({
        source: 'laptop.rival.holdfast.internal',
        target: 'printer',
        allowed: true,
        decidedAlsoBy: 'rival.holdfast.internal',
      });
      const outward = verdict(away, 'laptop.rival', 'printer.acme', 22).verdicts[0];
      expect(outward).toMatchObject({
        source: 'laptop',
        target: 'printer.acme.holdfast.internal',
        allowed: true,
        decidedAlsoBy: 'acme.holdfast.internal',
        path: {
          receiver: 'printer.acme.holdfast.internal',
          dns: 'printer.acme.holdfast.internal',
          online: true,
        },
      });
      const own = verdict(home, 'spare.acme', 'printer.acme', 22).verdicts[0];
      expect(own).toMatchObject({ allowed: true, decidedAlsoBy: null });
      // One that is nobody else's needs no full name, and a person is found by the login that their organization vouches for.
      for (const target of ['printer', 'PRINTER.acme.holdfast.internal.', 'ada@acme.test']) {
        const { verdicts } = explainAccess(away, { source: 'laptop', target, port: 22, protocol: TCP });
        expect(verdicts.map((one) => one.target)).toContain('printer.acme.holdfast.internal');
      }
      const reasons: readonly (readonly [Loaded, string, string, string])[] = [
        [home, 'printer.acme', 'laptop.rival', 'is not shared with this one'],
        [away, 'printer.acme', 'laptop.rival', 'begins nothing here'],
        [away, 'tagged.rival', 'printer.acme', 'shared with somebody else'],
        [away, 'phone.rival', 'printer.acme', 'shared with somebody else'],
        [home, 'phone.rival', 'printer.acme', 'not shared with the person'],
        [home, 'laptop.rival', '10.7.0.1', 'without what it routes'],
        [home, 'phone.rival', '8.8.8.8', 'not shared as an exit node'],
        [away, 'phone.rival', '8.8.8.8', 'not shared as an exit node'],
      ];
      for (const [loaded, source, target, reason] of reasons) {
        const { allowed, verdicts } = verdict(loaded, source, target, 22);
        expect([allowed, verdicts[0]?.problems.join('; ')]).toEqual([false, expect.stringContaining(reason)]);
      }
    },
    TEST_MS,
  );

  it(
    'and nothing more of the other organization than sharing shows',
    async () => {
      const { org, id } = await printer();
      await world.server.write(async (tx) => {
        await tx.update('device', org, id, { osHostname: 'secret-host', serials: ['SECRET-SERIAL'] });
        const attribute = { key: 'custom:secret', keyLower: 'custom:secret', value: 'secret', source: 'api' };
        const row = { org, device: id, ...attribute, expiresAt: null, updatedAt: tx.now };
        await tx.insert('deviceAttribute', row);
      });
      await world.setPolicy(acme, {
        groups: { 'group:secret': ['ada@acme.test'] },
        ...only('autogroup:shared', 'group:secret', '*'),
      });
      const away = await load(rival);
      const all = [...world.devices.keys()].flatMap((source) =>
        [...world.devices.keys()].map((target) => verdict(away, source, target, 22)),
      );
      const text = JSON.stringify([all, policyImpact(away, JSON.stringify(CLOSED))]);
      expect(text).toContain('printer.acme.holdfast.internal');
      expect(text).not.toMatch(/secret|spare\.acme"?,"online|autogroup:shared/iu);
      for (const target of ['spare', 'secret-host', 'group:secret', 'tag:x']) {
        const { verdicts } = explainAccess(away, { source: 'laptop', target, port: 22, protocol: TCP });
        expect(JSON.stringify(verdicts)).not.toContain('acme');
      }
      // A third organization sees nothing of either.
      const third = await world.server.tenant('third');
      const stranger = await load(third.organization);
      expect([stranger.snapshot.devices.size, stranger.snapshot.external.size]).toEqual([0, 0]);
    },
    TEST_MS,
  );

  const flows = ({ traffic }: NamedImpact) =>
    traffic
      .flatMap(({ sources, targets, opens, closes }) =>
        sources.flatMap((source) =>
          targets.map(
            (target) =>
              `${source} to ${target}${opens.length > 0 ? ' +' : ''}${closes.length > 0 ? ' -' : ''}`,
          ),
        ),
      )
      .filter((line) => line.includes('.'))
      .sort();
  const change = (before: Row<'sharedDevice'> | null, after: Row<'sharedDevice'> | null): Change => {
    const key = keyTextOf('sharedDevice', (before ?? after)!);
    return { org: rival.id, seq: 0, kind: 'sharedDevice', key, before, after, at: 0 } as Change;
  };
  const shared = (name: string): string => `${name}.acme.holdfast.internal`;

  it(
    'with exactly what another file would close and open',
    async () => {
      const closed = JSON.stringify(CLOSED);
      expect(flows(policyImpact(await load(rival), closed))).toEqual([
        `laptop to ${shared('gate')} -`,
        `laptop to ${shared('printer')} -`,
        `phone to ${shared('gate')} -`,
      ]);
      expect(flows(policyImpact(await load(acme), closed))).toEqual([
        'laptop.rival.holdfast.internal to gate -',
        'laptop.rival.holdfast.internal to printer -',
        'phone.rival.holdfast.internal to gate -',
      ]);
      // Ports are the owner's to open: a port in the recipient's file closes none.
      const narrow = JSON.stringify(only('autogroup:member', '*', 'tcp:443'));
      expect(flows(policyImpact(await load(rival), narrow))).toEqual([]);
      expect(flows(policyImpact(await load(acme), narrow)).length).toBe(3);
    },
    TEST_MS,
  );

  it(
    'with exactly what ending a share would close, and what accepting it would open',
    async () => {
      const rows = await world.server.store.find('sharedDevice', rival.id, {});
      const id = (await printer()).id;
      const row = rows.find(({ device }) => device === id)!;
      const ends = [change(row, null)];
      const ended = changesImpact(await load(rival, ends), ends, () => []);
      expect(flows(ended)).toEqual([`laptop to ${shared('printer')} -`]);
      expect(ended.pairs).toBe(1);

      const [accept] = await world.server.store.find('shareAccept', acme.id, { device: id });
      const taken = { org: acme.id, seq: 0, kind: 'shareAccept', before: accept, after: null, at: 0 };
      const gone = [{ ...taken, key: keyTextOf('shareAccept', accept!) } as Change];
      const parted = changesImpact(await load(acme, gone), gone, () => []);
      expect(flows(parted)).toEqual(['laptop.rival.holdfast.internal to printer -']);

      await world.revoke(invites.get('printer') ?? 0);
      expect((await load(rival)).snapshot.external.has(id)).toBe(false);
      const begins = [change(null, row)];
      const begun = changesImpact(await load(rival, begins), begins, () => []);
      expect(flows(begun)).toEqual([`laptop to ${shared('printer')} +`]);
      expect(begun.pairs).toBe(1);
    },
    TEST_MS,
  );

  it(
    'with the exit node that a share opens',
    async () => {
      const gate = (await world.server.row(world.device('gate.acme'))).id;
      const rows = await world.server.store.find('sharedDevice', rival.id, { device: gate });
      const row = rows.find(({ membership }) => membership === world.mate.id)!;
      const opened = [change(row, { ...row, exitNode: true })];
      const impact = changesImpact(await load(rival, opened), opened, () => []);
      expect(impact.routes).toMatchObject([
        { viewers: ['phone'], carrier: shared('gate'), opens: ['0.0.0.0/0', '::/0'], closes: [] },
      ]);
      expect(impact.traffic).toMatchObject([{ sources: ['phone'], targets: [shared('gate')], closes: [] }]);
      expect(impact.traffic[0]?.opens[0]?.behind.length).toBeGreaterThan(0);
    },
    TEST_MS,
  );
});
