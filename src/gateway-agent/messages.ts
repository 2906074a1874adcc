/** What the server tells an agent, checked: it decides about a firewall. */
import { z } from 'zod';

const MAX_CLIENTS = 20_000;
const MAX_RULES = 20_000;
const MAX_PORT = 65_535;

/** Only what the commands and rules that are made of it can take. */
const Key = z.string().regex(/^[A-Za-z0-9+/]{43}=$/u);
const Prefix = z.string().regex(/^[0-9a-fA-F:.]+\/[0-9]{1,3}$/u);
const Destination = z.string().regex(/^[0-9a-fA-F:.]+(\/[0-9]{1,3}|-[0-9a-fA-F:.]+)?$/u);
const Port = z.number().int().min(0).max(MAX_PORT);

const Rule = z.object({
  to: Destination,
  protocols: z.array(z.number().int().min(0).max(255)).max(256).nullable(),
  first_port: Port,
  last_port: Port,
});
export type Rule = z.infer<typeof Rule>;

const Client = z.object({
  id: z.number().int().positive(),
  name: z.string(),
  public_key: Key,
  preshared_key: Key.nullable(),
  allowed_ips: z.array(Prefix).max(1_000),
  rules: z.array(Rule).max(MAX_RULES),
});
export type Client = z.infer<typeof Client>;

const Clients = z.object({
  kind: z.enum(['state', 'change']),
  addresses: z.array(Prefix).max(16),
  clients: z.array(Client).max(MAX_CLIENTS),
  removed: z.array(z.number().int().positive()).max(MAX_CLIENTS),
});
export type Clients = z.infer<typeof Clients>;

const Alive = z.object({ kind: z.literal('alive') });
export const Message = z.union([Clients, Alive]);

export const Welcome = z.object({
  gateway: z.object({ id: z.number(), name: z.string() }),
  network: z.object({ id: z.number(), name: z.string(), slug: z.string() }),
  endpoint: z.string(),
  listen_port: z.number(),
  mtu: z.number(),
  addresses: z.array(Prefix).max(16),
});
export type Welcome = z.infer<typeof Welcome>;
