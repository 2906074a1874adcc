// `npm run demo`: the thin real path with real clients, narrated. Needs Linux, root, and Go to build the clients once.
import { whyNoRealClients } from '../support/real-clients.ts';
import { createNetwork } from './network.ts';
import { realPath } from './scenario.ts';

const NOT_POSSIBLE = 2;

const missing = await whyNoRealClients();
if (missing === undefined) {
  await show();
} else {
  console.error(`The demo cannot run here: ${missing}.`);
  process.exitCode = NOT_POSSIBLE;
}

async function show(): Promise<void> {
  console.log(
    'Four hosts in network namespaces of their own: a server with a relay, a laptop, a router, and a printer',
  );
  console.log('behind the router. On the laptop and the router run real, unmodified Tailscale clients.\n');
  const begin = performance.now();
  const network = await createNetwork();
  try {
    const { steps, dropTiming } = realPath(() => network);
    for (const [index, { says, run }] of steps.entries()) {
      const stepBegin = performance.now();
      console.log(`${String(index + 1).padStart(2)}. ${says}`);
      const shows = await run();
      console.log(`    ✓ ${shows}  (${seconds(stepBegin)})\n`);
    }
    const drop = dropTiming();
    if (drop !== undefined && drop.milliseconds > drop.promisedMs) {
      throw new Error(
        `the laptop took ${drop.milliseconds} ms to drop the router, more than ${drop.promisedMs} ms`,
      );
    }
    console.log(`All ${steps.length} steps passed in ${seconds(begin)}.`);
  } catch (error) {
    console.log(`    ✗ ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  } finally {
    await network.end();
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
