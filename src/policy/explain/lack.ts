/**
 * What keeps a rule from applying. `carrier`: it names the destination, but not by way of the device that receives the
 * packets: `via` names another tag, another network's gateways are meant. The wildcards: it says `*`, which stands for
 * ordinary devices and routes, and not for this source, or this destination.
 */
export type Lack =
  | 'source'
  | 'source-wildcard'
  | 'posture'
  | 'destination'
  | 'destination-wildcard'
  | 'protocol-or-port'
  | 'carrier';

/** How far off a rule is: a wrong port is closer than a wrong place. */
const DISTANCE: Readonly<Record<Lack, number>> = {
  'protocol-or-port': 10,
  posture: 11,
  source: 12,
  'source-wildcard': 12,
  carrier: 13,
  'destination-wildcard': 13,
  destination: 14,
};
/** Of what a rule lacks altogether. */
export const distance = (lacks: readonly Lack[]): number =>
  lacks.reduce((sum, lack) => sum + DISTANCE[lack], 0);

export const lacksSource = (lacks: readonly Lack[]): boolean =>
  lacks.includes('source') || lacks.includes('source-wildcard');
