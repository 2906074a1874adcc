// Terraform itself with Twingate's provider, outside of a world; what it sends goes over TLS, which that provider insists on,
// to a proxy that leads into the world.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import path from 'node:path';
import { promisify } from 'node:util';
import { createCertificate, whyNoCertificates } from '../support/certificates.ts';
import type { PrivateNetworkWorld } from './private-network-world.ts';

const MIRROR = process.env.HOLDFAST_TF_MIRROR;
const PROVIDER = 'registry.terraform.io/twingate/twingate';
const STEP_MS = 120_000;

/** Why Terraform cannot run here, or undefined. */
export function whyNoTerraform(): string | undefined {
  if (MIRROR === undefined) return 'HOLDFAST_TF_MIRROR names no mirror of Terraform providers';
  if (!existsSync(path.join(MIRROR, PROVIDER))) return `HOLDFAST_TF_MIRROR holds no ${PROVIDER}`;
  const onPath = (process.env.PATH ?? '').split(path.delimiter);
  if (!onPath.some((folder) => existsSync(path.join(folder, 'terraform'))))
    return 'terraform is not installed';
  return whyNoCertificates();
}

export interface TerraformProgram {
  /** Runs one command; resolves with what it printed, rejects with that too when it fails. */
  run(...words: readonly string[]): Promise<string>;
  /** The names of the operations sent since the last call. */
  sent(): string[];
  close(): Promise<void>;
}

type Inside = Pick<PrivateNetworkWorld, 'world' | 'socketPath' | 'apiKey'>;

/** A directory with that configuration, initialised. */
export async function startTerraform(
  { world, socketPath, apiKey }: Inside,
  configuration: string,
): Promise<TerraformProgram> {
  const directory = path.join(world.directory, 'terraform');
  await mkdir(directory);
  const { certFile, keyFile } = await createCertificate(directory, 'proxy', 'IP:127.0.0.1');
  let operations: string[] = [];
  const proxy = createServer(
    { cert: readFileSync(certFile), key: readFileSync(keyFile) },
    (asked, answer) => {
      const chunks: Buffer[] = [];
      asked.on('data', (chunk: Buffer) => chunks.push(chunk));
      asked.on('end', () => {
        const body = Buffer.concat(chunks);
        operations.push(
          /"operationName":"(\w+)"/u.exec(body.toString())?.[1] ?? path.basename(asked.url ?? ''),
        );
        const { url, method, headers } = asked;
        const onward = request({ socketPath, path: url, method, headers }, (got) => {
          answer.writeHead(got.statusCode ?? 502, got.headers);
          got.pipe(answer);
        });
        onward.on('error', (error) => answer.writeHead(502).end(String(error)));
        onward.end(body);
      });
    },
  );
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const rc = path.join(directory, 'terraform.rc');
  await writeFile(
    rc,
    `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(MIRROR)}\n  }\n}\n`,
  );
  await copyFile(configuration, path.join(directory, 'main.tf'));
  const env = {
    ...process.env,
    CHECKPOINT_DISABLE: '1',
    TF_CLI_CONFIG_FILE: rc,
    TF_IN_AUTOMATION: '1',
    SSL_CERT_FILE: certFile,
    TWINGATE_API_TOKEN: apiKey,
    // The provider asks https://<network>.<url>.
    TWINGATE_NETWORK: '127',
    TWINGATE_URL: `0.0.1:${port}`,
  };
  const run: TerraformProgram['run'] = async (...words) => {
    const options = { cwd: directory, env, timeout: STEP_MS };
    try {
      return (await promisify(execFile)('terraform', [...words, '-no-color'], options)).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
      throw new Error(`terraform ${words.join(' ')}: ${stdout}${stderr}`, { cause: error });
    }
  };
  const close = async (): Promise<void> => {
    proxy.closeAllConnections();
    await new Promise<void>((resolve) => proxy.close(() => resolve()));
  };
  try {
    await run('init', '-input=false');
  } catch (error) {
    await close();
    throw error;
  }
  const sent = (): string[] => {
    const since = operations;
    operations = [];
    return since;
  };
  return { run, sent, close };
}
