/**
 * What endpoints of webhooks cost a write: CPU of this process for writes that make events, 20 a second, without any endpoint
 * and with 50 that are told of each; the receiver is a process of its own. `node bench/webhooks.ts [seconds] [endpoints]`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReceiver } from '../tests/support/webhook-receiver.ts';
import { createRig } from '../tests/webhooks/rig.ts';

const SECONDS = 30;
const ENDPOINTS = 50;
const PER_SECOND = 20;
const WARM_UP_SECONDS = 5;
/** As the server has it. */
const SPACING_MS = 5_000;
const POLL_MS = 1_000;

async function measure(endpoints: number, seconds: number, to: string): Promise<number> {
  const rig = await createRig('sqlite');
  for (let index = 0; index < endpoints; index += 1)
    await rig.hook(`/${index}`, ['nodeCreated', 'nodeDeleted']);
  rig.dispatch({ spacingMs: SPACING_MS, pollMs: POLL_MS, to });
  let made = 0;
  const write = async (forSeconds: number): Promise<void> => {
    const begin = performance.now();
    for (let index = 0; index < forSeconds * PER_SECOND; index += 1) {
      const wait = begin + (index * 1_000) / PER_SECOND - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      made += 1;
      await rig.addDevice(`device-${made}`);
    }
  };
  await write(WARM_UP_SECONDS);
  const before = process.cpuUsage();
  await write(seconds);
  const { user, system } = process.cpuUsage(before);
  if (rig.errors.length > 0) throw rig.errors[0];
  await rig.close();
  return (user + system) / 1_000 / (seconds * PER_SECOND);
}

if (process.argv[2] === '--receiver') {
  const receiver = await createReceiver();
  process.send?.(receiver.url);
  // It remembers all that it got; here nobody asks.
  setInterval(() => receiver.requests.splice(0), 1_000);
  process.on('disconnect', () => process.exit(0));
} else {
  const seconds = Number(process.argv[2] ?? SECONDS);
  const endpoints = Number(process.argv[3] ?? ENDPOINTS);
  const child = fork(import.meta.filename, ['--receiver']);
  const [to] = (await once(child, 'message')) as [string];
  // The first run warms the program up, and is not counted.
  await measure(endpoints, WARM_UP_SECONDS, to);
  const without = await measure(0, seconds, to);
  const told = await measure(endpoints, seconds, to);
  console.log(`a write without endpoints           ${without.toFixed(2)} ms CPU`);
  console.log(`a write with ${endpoints} endpoints told of it   ${told.toFixed(2)} ms CPU`);
  console.log(`factor ${(told / without).toFixed(2)}`);
  child.disconnect();
}
