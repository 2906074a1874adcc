/** The hash chain of audit events: each event holds the hash of the one before it, so that none can be altered or taken out unseen. */
import type { AuditEvent } from '../domain/model/operations.ts';
import { sha256Hex } from '../kernel/hash.ts';

/** The hash of an event over all its fields but the hash itself, in a fixed order. */
export function auditHash(event: Omit<AuditEvent, 'hash'>): string {
  return sha256Hex(
    JSON.stringify([
      event.org,
      event.seq,
      event.prevHash,
      event.at,
      event.byKind,
      event.byId,
      event.byName,
      event.origin,
      event.verb,
      event.objectKind,
      event.objectId,
      event.objectName,
      event.field,
      event.before,
      event.after,
      event.network,
      event.details,
    ]),
  );
}

export interface ChainFault {
  readonly seq: number;
  readonly reason: string;
}

/** Follows a chain event by event; `check` returns the first fault, `end` compares with the recorded head. */
export function createChainVerifier() {
  let seq = 0;
  let hash = '';
  return {
    check(event: AuditEvent): ChainFault | undefined {
      if (event.seq !== seq + 1) return { seq: seq + 1, reason: `event ${seq + 1} is missing` };
      if (event.prevHash !== hash)
        return { seq: event.seq, reason: `event ${event.seq} does not follow the one before it` };
      if (event.hash !== auditHash(event))
        return { seq: event.seq, reason: `event ${event.seq} was altered` };
      seq = event.seq;
      hash = event.hash;
      return undefined;
    },
    end(head: { readonly auditSeq: number; readonly auditHash: string }): ChainFault | undefined {
      if (head.auditSeq === seq && head.auditHash === hash) return undefined;
      return { seq: seq + 1, reason: `the chain ends at event ${seq}, its head says ${head.auditSeq}` };
    },
  };
}
