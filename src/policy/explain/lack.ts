/**
 * What keeps a rule from applying. `carrier`: it names the destination, but not by way of the device that receives the
 * packets: a wildcard does not cover a resource, `via` names another tag, another network's gateways are meant.
 */
export type Lack = 'source' | 'posture' | 'destination' | 'protocol-or-port' | 'carrier';

/** How far off a rule is: a wrong port is closer than a wrong place. */
const DISTANCE: Readonly<Record<Lack, number>> = {
  'protocol-or-port': 10,
  posture: 11,
  source: 12,
  carrier: 13,
  destination: 14,
};
/** Of what a rule lacks altogether. */
export const distance = (lacks: readonly Lack[]): number =>
  lacks.reduce((sum, lack) => sum + DISTANCE[lack], 0);
