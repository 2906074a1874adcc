// A session of the plain SSH program through a client.
import { spawn, spawnSync } from 'node:child_process';
import { realClients } from './real-clients.ts';

/** @returns undefined when sessions can be opened here, else what they lack */
export function whyNoSsh(): string | undefined {
  const { error } = spawnSync('ssh', ['-V']);
  return error === undefined ? undefined : 'an SSH session needs the program ssh (Debian: openssh-client)';
}

export interface SshSession {
  /** Both streams so far. */
  readonly said: () => string;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

/** Runs a command as root at an address of the network, as the person at the client with that socket has it. */
export async function sshSession(
  socket: string,
  address: string,
  ...command: readonly string[]
): Promise<SshSession> {
  const { tailscale } = await realClients();
  const quiet = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
  const proxy = `ProxyCommand=${tailscale} --socket=${socket} nc %h %p`;
  const options = [...quiet, proxy].flatMap((option) => ['-o', option]);
  const ssh = spawn('ssh', [...options, `root@${address}`, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [ssh.stdout, ssh.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (more: string) => {
      text += more;
    });
  }
  return { said: () => text, ended: new Promise((resolve) => ssh.once('close', resolve)) };
}
