// `holdfast twingate quickstart`, as a person at a prompt has it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine, newPlace, type Outcome, type Place } from '../support/command-line.ts';

describe('holdfast twingate quickstart', () => {
  let place: Place;
  beforeAll(async () => {
    place = await newPlace('sqlite');
    await commandLine(
      ...['init', '--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'],
      ...place.flags,
    );
  });
  afterAll(() => place.remove());
  const quickstart = (...args: readonly string[]): Promise<Outcome> =>
    commandLine('twingate', 'quickstart', '--org', 'acme', ...args, ...place.flags);

  test.each([
    ['https://acme.net.example:8443', 'acme', 'net.example:8443'],
    ['https://127.0.0.1:8443', '127', '0.0.1:8443'],
    ['https://acme.example', 'acme', 'example'],
  ])('takes the host of %s apart as the provider puts it together', async (origin, network, url) => {
    const { code, err, json } = await quickstart('--public-url', origin, '--json');
    expect([code, err]).toEqual([0, '']);
    const answer = json<Record<string, string>>();
    expect(answer).toMatchObject({ organization: 'acme', network, url, login_server: origin });
    expect(`https://${network}.${url}`).toBe(origin);
    expect(answer.provider).toContain(`network = "${network}"`);
    expect(answer.provider).toContain(`url     = "${url}"`);
    expect(answer.example).toContain(
      `tailscale up --login-server ${origin} --auth-key \${twingate_connector_tokens.office.access_token} --advertise-connector`,
    );
  });

  test('prints what can be put into a file as it is', async () => {
    const { out } = await quickstart('--public-url', 'https://acme.example');
    const open = out.split('{').length;
    expect(open).toBeGreaterThan(10);
    expect(out.split('}').length).toBe(open);
    expect(out).toContain('# holdfast token create --org acme');
    expect(out).toContain('tailscale up --login-server https://acme.example --accept-routes');
  });

  test('says what is missing without HTTPS, and where a host cannot be taken apart', async () => {
    const plain = await quickstart('--json');
    expect(plain).toMatchObject({ code: 0, err: expect.stringContaining('HTTPS alone') });
    const single = await quickstart('--public-url', 'https://localhost:8443');
    expect(single).toMatchObject({ code: 1, err: expect.stringContaining('give --public-url') });
  });
});
