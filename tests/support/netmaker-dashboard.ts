// The vendor's dashboard for the Netmaker API, built from its published source outside of this checkout.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** Names the folder that its build left: `npm run build` of gravitl/netmaker-ui-2, `dist`. */
const FOLDER_VARIABLE = 'HOLDFAST_NETMAKER_DASHBOARD';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const folder = process.env[FOLDER_VARIABLE];

export const whyNoDashboard = (): string | undefined =>
  folder !== undefined && existsSync(path.join(folder, 'index.html'))
    ? undefined
    : `the vendor's dashboard is not built here (name its build in ${FOLDER_VARIABLE})`;

export interface Dashboard {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/**
 * Serves it, as nginx does in the vendor's container: every path that is no file is the application's.
 * @param backend asked at each request: the server that it uses is started after it
 */
export async function serveDashboard(backend: () => string): Promise<Dashboard> {
  const root = path.resolve(folder ?? '');
  const server: Server = createServer((request, response) => {
    const name = path.normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
    if (name === '/nmui-config.js') {
      response.setHeader('content-type', TYPES['.js'] ?? '');
      response.end(`window.NMUI_BACKEND_URL=${JSON.stringify(backend())};`);
      return;
    }
    const asked = path.join(root, name);
    const isFile = path.extname(name) !== '' && asked.startsWith(`${root}${path.sep}`) && existsSync(asked);
    const file = isFile ? asked : path.join(root, 'index.html');
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
