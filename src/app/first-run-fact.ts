/** The fact that says whether the first-run page may be offered. */
export const FIRST_RUN_FACT = 'first-run';
/** Its value once an organization was made or a backup restored: it is never offered again. */
export const FIRST_RUN_OVER = 'over';
