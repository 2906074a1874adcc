import { html } from '../html.ts';

/** Where to go after signing in: one of our own pages, and nothing else. */
const OWN_PAGES =
  /^\/(?:account(?:\/organization|\/second-factor|\/sign-in)?|login\/(?:device|ssh)\/[A-Za-z0-9]{1,64}|login\/(?:join|invitation)\/[A-Za-z0-9_-]{1,120}|admin\/invite\/[A-Za-z0-9_-]{1,80})$/u;

export const DEFAULT_PAGE = '/account';

export const nextPage = (wanted: unknown): string =>
  typeof wanted === 'string' && OWN_PAGES.test(wanted) ? wanted : DEFAULT_PAGE;

/** The page that a form's address belongs to: itself, or what it lies under. */
export function ownPageOf(path: string): string {
  for (let page = path; page !== ''; page = page.slice(0, page.lastIndexOf('/'))) {
    if (OWN_PAGES.test(page)) return page;
  }
  return DEFAULT_PAGE;
}

/** Says in a form that whoever fills it in proves who they are anew. */
export const AGAIN_FIELD = html`<input type="hidden" name="again" value="yes">`;

/** Where a person who is signed in already signs in once more, to come back to a page. */
export const signInAgainPath = (next: string, path = '/login'): string =>
  `${path}?${new URLSearchParams({ next, again: 'yes' })}`;

/** A page's address with the page to go on to, where that is not the usual one. */
export const withNext = (path: string, next: string): string =>
  next === DEFAULT_PAGE ? path : `${path}?next=${encodeURIComponent(next)}`;
