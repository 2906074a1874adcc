import { argon2Sync } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemRandom } from '../kernel/random.ts';
import { createPasswords } from './password.ts';

const passwords = (cores = 2) => createPasswords({ random: systemRandom, cores });

test('a password is verified against its own hash and no other is', async () => {
  const { hash, verify } = passwords();
  const stored = await hash('correct horse');
  expect(await verify('correct horse', stored)).toBe(true);
  expect(await verify('correct horsf', stored)).toBe(false);
  expect(await verify('', stored)).toBe(false);
});

test('the stored text is the PHC form of argon2id, with a salt of its own each time', async () => {
  const { hash } = passwords();
  const [one, two] = [await hash('same'), await hash('same')];
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/u);
  expect(one).not.toBe(two);
});

test('a hash made elsewhere with other parameters is verified, and known to be outdated', async () => {
  const nonce = Buffer.from('0123456789abcdef');
  const tag = argon2Sync('argon2id', {
    message: 'imported',
    nonce,
    memory: 64,
    passes: 3,
    parallelism: 2,
    tagLength: 32,
  });
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/u, '');
  const stored = `$argon2id$v=19$m=64,t=3,p=2$${base64(nonce)}$${base64(tag)}`;
  const { verify } = passwords();
  expect(await verify('imported', stored)).toBe(true);
  expect(await verify('other', stored)).toBe(false);
});

test.each([
  ['no hash', null],
  ['an empty text', ''],
  ['another scheme', '$2a$10$abcdefghijklmnopqrstuv'],
  ['a hash that asks for 9 GiB', `$argon2id$v=19$m=9437184,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
])('with %s nothing is the password, and the answer takes as long', async (_name, stored) => {
  const { hash, verify } = passwords();
  const real = await hash('x');
  // Time of the processor: that of the clock says more about what else the machine is doing.
  const timed = async (text: string | null) => {
    const begin = process.cpuUsage();
    expect(await verify('y', text)).toBe(false);
    const { user, system } = process.cpuUsage(begin);
    return user + system;
  };
  const known = Math.min(await timed(real), await timed(real));
  const unknown = Math.min(await timed(stored), await timed(stored));
  expect(unknown).toBeGreaterThan(known / 3);
});

test('empty and oversized passwords are refused by name', async () => {
  const { hash, verify } = passwords();
  await expect(hash('')).rejects.toMatchObject({ code: 'invalid', field: 'password' });
  await expect(hash('é'.repeat(600))).rejects.toMatchObject({ code: 'invalid', field: 'password' });
  expect(await verify('x'.repeat(10_000_000), null)).toBe(false);
});

test('beyond the running and the waiting, calls are refused at once, and the others all end', async () => {
  const { hash, verify } = passwords(2);
  const stored = await hash('x');
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => verify('x', stored)));
  const fulfilled = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value);
  const refused = outcomes.filter(
    (outcome) => outcome.status === 'rejected' && outcome.reason.code === 'rate_limited',
  );
  expect([fulfilled.length, refused.length]).toEqual([17, 23]);
  expect(await verify('x', stored)).toBe(true);
});
