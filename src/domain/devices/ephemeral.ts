/** What the audit log says of an ephemeral device when it comes and when it goes: afterwards no row tells. */
export const EPHEMERAL = { ephemeral: true } as const;
