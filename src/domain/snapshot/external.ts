/** A device of another organization, as an organization's snapshot holds it. */
import type { Membership, Organization } from '../model/people.ts';
import type { DeviceFacts } from './snapshot.ts';

export interface ExternalDevice {
  /** A guest belongs to somebody who accepted a device of this organization; `shared-in` is one that somebody here accepted. */
  readonly kind: 'guest' | 'shared-in' | 'both';
  readonly facts: DeviceFacts;
  /** The organization that it belongs to. */
  readonly home: Organization;
  /** Whose it is; undefined when it is nobody's own. */
  readonly person: Membership | undefined;
  /** Who shared it, for one shared in. */
  readonly sharer: Membership | undefined;
}
