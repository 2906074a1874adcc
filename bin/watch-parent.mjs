// Loaded before the program when the launcher runs it as a child. The launcher holds the other end of a pipe; when that
// ends, the launcher is gone (kill -9), and a server left behind would keep the port and the data directory.
import { Socket } from 'node:net';

const fd = Number(process.env.HOLDFAST_PARENT_FD);
delete process.env.HOLDFAST_PARENT_FD;
if (Number.isInteger(fd) && fd > 2) {
  const parent = new Socket({ fd, readable: true, writable: false });
  parent.on('close', () => process.kill(process.pid, 'SIGKILL'));
  parent.on('error', () => {});
  parent.resume();
  parent.unref();
}
