import type { AccessDue } from '../domain/access-requests/access-endings.ts';
import type { Engine } from './engine.ts';
import { withPlaceholders } from './statements.ts';

export function createAccessDue(engine: Engine): AccessDue {
  // Access that locks without use has no instant of its own: organizations that have such terms are looked at each time.
  const select = withPlaceholders(
    engine.placeholder,
    `SELECT "org" FROM "accessEdge" WHERE "expiresAt" <= ?
     UNION SELECT "org" FROM "accessEdge" WHERE "accessMode" = 'auto-lock'
     UNION SELECT "org" FROM "resource" WHERE "accessMode" = 'auto-lock'
     UNION SELECT "org" FROM "accessLock" WHERE "openUntil" <= ?
     UNION SELECT "org" FROM "accessRequest" WHERE "status" = 'pending' AND "requestedAt" <= ?
     UNION SELECT "org" FROM "accessRequest" WHERE "accessUntil" <= ? AND "status" = 'approved'`,
  );
  return {
    organizations: async (now, pendingBefore) => {
      const rows = await engine.run(select, [now, now, pendingBefore, now]);
      return rows.map(({ org }) => Number(org)).sort((a, b) => a - b);
    },
  };
}
