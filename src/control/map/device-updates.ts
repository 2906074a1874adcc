/** What a device tells with a map request, against what is known of it. */
import { isDeepStrictEqual } from 'node:util';
import type { ReportService } from '../../domain/devices/report-service.ts';
import { FLOW_LOG_SETTING, mayLogFlows, type ToldClients } from '../../domain/flow-logs/flow-log-consent.ts';
import type { DeviceLive } from '../../domain/model/devices.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Found } from '../hubs.ts';
import { hostFactsOf, type MapInput } from '../requests.ts';
import type { LiveWriter } from '../state/live-writer.ts';

export interface DeviceUpdates {
  /** Writes what is new. Resolves when what others rely on (name, routes) is stored; endpoints follow in a batch. */
  take(found: Found, request: MapInput, capver: number): Promise<void>;
}

export interface DeviceUpdatesParts {
  readonly reports: ReportService;
  readonly writer: LiveWriter;
  readonly clock: Clock;
  readonly told: ToldClients;
}

const sameSet = (a: Iterable<string>, b: Iterable<string>): boolean => {
  const left = new Set(a);
  const right = new Set(b);
  return left.size === right.size && [...left].every((value) => right.has(value));
};

export function createDeviceUpdates({ reports, writer, clock, told }: DeviceUpdatesParts): DeviceUpdates {
  /** What was decided when its process began; a process that begins now is decided about. */
  const logsFlows = (snapshot: Snapshot, known: DeviceLive | undefined, request: MapInput): boolean => {
    const key = request.DiscoKey ?? '';
    const begins = key !== '' && known !== undefined && known.discoKey !== '' && known.discoKey !== key;
    const before = known?.flowLogs ?? false;
    const may = begins
      ? mayLogFlows(snapshot.setting(FLOW_LOG_SETTING), request.Hostinfo ?? known.hostinfo, clock.now())
      : before;
    return may && !told.has(key);
  };

  return {
    take: async ({ facts, hub }, request, capver) => {
      const { device } = facts;
      const known = writer.pendingLive(device.org, device.id) ?? facts.live;
      const host = request.Hostinfo == null ? undefined : hostFactsOf(request.Hostinfo);
      const next: DeviceLive = {
        org: device.org,
        device: device.id,
        discoKey: request.DiscoKey || (known?.discoKey ?? ''),
        endpoints: request.Endpoints ?? known?.endpoints ?? [],
        endpointTypes: request.EndpointTypes ?? known?.endpointTypes ?? [],
        homeDerp: host?.homeDerp ?? known?.homeDerp ?? 0,
        hostinfo: host?.hostinfo ?? known?.hostinfo ?? {},
        netInfo: host?.netInfo ?? known?.netInfo ?? null,
        shieldsUp: host?.shieldsUp ?? known?.shieldsUp ?? false,
        flowLogs: logsFlows(hub.snapshot, known, request),
        updatedAt: known?.updatedAt ?? 0,
      };
      if (known === undefined || !isDeepStrictEqual(next, known))
        writer.live({ ...next, updatedAt: clock.now() });
      if (host === undefined) return;
      const advertised = [...facts.routes.values()]
        .filter((route) => route.advertised)
        .map(({ prefix }) => prefix);
      const unchanged =
        (host.hostname === '' || host.hostname === device.osHostname) &&
        (host.os === '' || host.os === device.os) &&
        (host.clientVersion === '' || host.clientVersion === device.clientVersion) &&
        capver === device.capver &&
        sameSet(host.advertised, advertised);
      if (unchanged) return;
      await reports.report(device.org, device.id, { ...host, capver });
    },
  };
}
