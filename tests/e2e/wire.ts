// The parts of the Tailscale REST answers that the real path reads, as the contract has them.
import { z } from 'zod';

export const NewKey = z.looseObject({ id: z.string(), key: z.string().startsWith('tskey-auth-') });

const Device = z.looseObject({
  id: z.string(),
  nodeId: z.string(),
  addresses: z.array(z.string()),
  name: z.string(),
  hostname: z.string(),
  clientVersion: z.string(),
  os: z.string(),
  connectedToControl: z.boolean(),
  nodeKey: z.string(),
  enabledRoutes: z.array(z.string()),
  advertisedRoutes: z.array(z.string()),
});

export type Device = z.infer<typeof Device>;

export const DeviceList = z.looseObject({ devices: z.array(Device) });

export const DeviceRoutes = z.looseObject({
  advertisedRoutes: z.array(z.string()),
  enabledRoutes: z.array(z.string()),
});
