/** Where to go after signing in: one of our own pages, and nothing else. */
const OWN_PAGES =
  /^\/(?:account(?:\/organization|\/second-factor|\/sign-in)?|login\/(?:device|ssh)\/[A-Za-z0-9]{1,64}|login\/join\/[a-z0-9-]{1,120}|admin\/invite\/[A-Za-z0-9_-]{1,80})$/u;

export const DEFAULT_PAGE = '/account';

export const nextPage = (wanted: unknown): string =>
  typeof wanted === 'string' && OWN_PAGES.test(wanted) ? wanted : DEFAULT_PAGE;

/** A page's address with the page to go on to, where that is not the usual one. */
export const withNext = (path: string, next: string): string =>
  next === DEFAULT_PAGE ? path : `${path}?next=${encodeURIComponent(next)}`;
