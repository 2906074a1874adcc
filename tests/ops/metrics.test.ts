// /metrics: on a listener of its own, and with labels that no caller can multiply.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDevice } from '../client/index.ts';
import { freePort } from '../support/free-port.ts';
import type { Server } from '../support/holdfast.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';

let installation: TestInstallation;
let server: Server;
let metricsUrl: string;

/** Samples by name and labels, as they are written. */
async function samples(): Promise<Map<string, number>> {
  const { text } = await ask(metricsUrl);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

beforeAll(async () => {
  installation = await createInstallation('sqlite');
  const port = await freePort();
  server = await installation.start('--metrics-listen', `127.0.0.1:${port}`);
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
});
afterAll(() => installation.end());

test('metrics are not on the public listener, and nothing else is on theirs', async () => {
  expect((await ask(`${server.url}/metrics`)).status).toBe(404);
  expect((await ask(metricsUrl)).status).toBe(200);
  expect((await ask(new URL('/healthz', metricsUrl).href)).status).toBe(404);
  expect((await ask(metricsUrl, undefined, { method: 'POST' })).status).toBe(404);
});

test('requests are counted by operation and class of status', async () => {
  const name = (operation: string, status: string) =>
    `holdfast_request_duration_seconds_count{operation="${operation}",status="${status}"}`;
  const devices = `${server.url}/api/v2/tailnet/-/devices`;
  const before = await samples();
  await ask(devices, installation.apiKey);
  await ask(devices, installation.apiKey);
  await ask(devices, 'wrong');
  const after = await samples();
  const grown = (key: string) => (after.get(key) ?? 0) - (before.get(key) ?? 0);
  expect(grown(name('tailscale.devices.list', '2xx'))).toBe(2);
  expect(grown(name('tailscale.devices.list', '4xx'))).toBe(1);
});

test('no caller can make a new series: not by paths, methods, organizations or ids', async () => {
  await ask(`${server.url}/unknown`);
  const before = new Set((await samples()).keys());
  for (let i = 0; i < 50; i += 1) {
    await ask(`${server.url}/unknown/${i}`);
    await ask(`${server.url}/unknown`, undefined, { method: 'PROPFIND' });
  }
  const series = [...(await samples()).keys()].filter((key) => !before.has(key));
  expect(series.filter((key) => key.startsWith('holdfast_'))).toEqual([]);
});

test('devices, the database and the process are measured', async () => {
  const created = await ask(`${server.url}/api/v2/tailnet/-/keys`, installation.apiKey, {
    method: 'POST',
    body: JSON.stringify({ capabilities: { devices: { create: { reusable: true, preauthorized: true } } } }),
  });
  const { key } = JSON.parse(created.text) as { key: string };
  const device = createTestDevice({ url: server.url, hostname: 'laptop', authKey: key });
  await device.join();
  const found = await samples();
  expect(found.get('holdfast_device_streams')).toBe(1);
  expect(found.get('holdfast_device_connections')).toBeGreaterThanOrEqual(1);
  expect(found.get('holdfast_database_duration_seconds_count{kind="transaction"}')).toBeGreaterThan(0);
  expect(found.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  expect(found.get('process_cpu_seconds_total')).toBeGreaterThan(0);
  device.close();
});
