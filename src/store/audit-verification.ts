/** Follows an organization's audit chain from its first event to its head, a page at a time. */
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { type ChainFault, createChainVerifier } from './audit-chain.ts';

const PAGE = 1_000;

export interface ChainReport {
  /** Events that were followed. */
  readonly events: number;
  /** Hash of the last event, by the recorded head. */
  readonly head: string;
  /** The first thing that is wrong, if anything is. */
  readonly fault: ChainFault | undefined;
}

/** Events written meanwhile are left to the next time: the head is read first. */
export async function verifyAuditChain(
  store: Pick<Store, 'auditHead' | 'auditEvents'>,
  org: number,
): Promise<ChainReport> {
  const head = await store.auditHead(org);
  if (org !== INSTALLATION && head.auditSeq === 0) {
    // An organization is made in a write that gives its first event.
    return {
      events: 0,
      head: '',
      fault: { seq: 1, reason: 'the log is empty: its events and its head were erased' },
    };
  }
  const verifier = createChainVerifier();
  let seq = 0;
  while (seq < head.auditSeq) {
    const limit = Math.min(PAGE, head.auditSeq - seq);
    const events = await store.auditEvents(org, { afterSeq: seq, limit });
    for (const event of events) {
      // Beyond the head only where events before it are missing.
      const fault = verifier.check(event);
      if (fault !== undefined) return { events: seq, head: head.auditHash, fault };
      seq = event.seq;
    }
    if (events.length < limit) break;
  }
  return { events: seq, head: head.auditHash, fault: verifier.end(head) };
}
