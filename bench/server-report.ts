/** The costs of a server as a table, beside what Headscale needs for the same kind of work. */
import type { Costs } from './server-costs.ts';

export interface EngineCosts extends Costs {
  readonly engine: string;
}

/**
 * Headscale 0.30 (development, commit f20f1f12, SQLite) on two cores, with no policy: figures of a load tool of its own with
 * 300 to 500 devices, the better of two runs. Another machine has others; the ratios are for orientation.
 */
const HEADSCALE = {
  registerPerSecond: 27.3,
  registerCpuMs: 61,
  reconnectP95Ms: 1_445,
  reconnectCpuSeconds: 22.4,
  fanOutP50Ms: 491,
  fanOutP99Ms: 1_171,
  fanOutCpuMs: 45,
  idleKbPerStream: 338,
  listCpuMs: 62,
} as const;

/** `more`: a greater figure is better. */
function row(name: string, unit: string, ours: number, theirs: number, more = false): string {
  const ratio = more ? ours / theirs : theirs / ours;
  const figures = `${ours.toFixed(1).padStart(9)} ${unit.padEnd(4)} ${theirs.toFixed(1).padStart(9)} ${unit.padEnd(4)}`;
  return `  ${name.padEnd(42)}${figures} ${ratio.toFixed(1).padStart(7)} times better`;
}

export function describeCosts(costs: EngineCosts, devices: number): string {
  const { register, reconnect, fanOut } = costs;
  return [
    `${costs.engine}, ${devices} devices${' '.repeat(21)}Holdfast      Headscale`,
    row('registrations', '/s', register.perSecond, HEADSCALE.registerPerSecond, true),
    row('CPU of one', 'ms', register.cpuMs, HEADSCALE.registerCpuMs),
    row('all reconnect: first map, p95', 'ms', reconnect.p95Ms, HEADSCALE.reconnectP95Ms),
    row('CPU until silent', 's', reconnect.cpuSeconds, HEADSCALE.reconnectCpuSeconds),
    row('one endpoint change to all, p50', 'ms', fanOut.p50Ms, HEADSCALE.fanOutP50Ms),
    row('p99', 'ms', fanOut.p99Ms, HEADSCALE.fanOutP99Ms),
    row('CPU of one', 'ms', fanOut.cpuMs, HEADSCALE.fanOutCpuMs),
    row('memory per idle stream', 'KB', costs.idleKbPerStream, HEADSCALE.idleKbPerStream),
    row('CPU of one list of devices', 'ms', costs.listCpuMs, HEADSCALE.listCpuMs),
    `  start to listening ${costs.startMs.toFixed(0)} ms, CPU in all ${costs.cpuSeconds.toFixed(1)} s, peak memory ${costs.peakMb.toFixed(0)} MB`,
  ].join('\n');
}
