// A browser without scripts: keeps cookies, follows no redirect by itself, fills forms as they stand in the page.
export interface Visit {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where it was sent on to. */
  readonly location: string | null;
  /** The text of the page's heading. */
  readonly heading: string;
}

export interface Visitor {
  readonly cookies: Map<string, string>;
  get(path: string): Promise<Visit>;
  /** Sends the form with this action, its hidden fields and what is given; `null` leaves a hidden field out. */
  submit(
    page: Visit,
    action: string,
    fields?: Readonly<Record<string, string | null>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Visit>;
  post(path: string, body: string, headers?: Readonly<Record<string, string>>): Promise<Visit>;
}

const FORM = /<form method="post" action="([^"]+)"(?: id="[^"]+")?>([\s\S]*?)<\/form>/g;
const HIDDEN = /<input type="hidden" name="([^"]+)"(?: autocomplete="[^"]*")? value="([^"]*)">/g;

/** The hidden fields of the first form with this action. */
export function hiddenFields(page: Visit, action: string): Record<string, string> {
  for (const [, of, content = ''] of page.text.matchAll(FORM)) {
    if (of !== action) continue;
    return Object.fromEntries(
      [...content.matchAll(HIDDEN)].map(([, name = '', value = '']) => [name, value]),
    );
  }
  throw new Error(`no form for ${action} in: ${page.text}`);
}

/** @param origin of the server, without a slash at its end */
export function createVisitor(origin: string, cookies = new Map<string, string>()): Visitor {
  const ask = async (path: string, init: RequestInit): Promise<Visit> => {
    const headers = new Headers(init.headers);
    if (cookies.size > 0)
      headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    const answer = await fetch(`${origin}${path}`, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const [name = '', value = ''] = pair.split('=');
      if (attributes.includes('Max-Age=0')) cookies.delete(name);
      else cookies.set(name, value);
    }
    const text = await answer.text();
    const heading = /<h1>([\s\S]*?)<\/h1>/.exec(text)?.[1] ?? '';
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      location: answer.headers.get('location'),
      heading,
    };
  };
  const post: Visitor['post'] = (path, body, headers = {}) =>
    ask(path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin, ...headers },
    });
  return {
    cookies,
    get: (path) => ask(path, {}),
    post,
    submit: (page, action, fields = {}, headers = {}) => {
      const all: Record<string, string | null> = { ...hiddenFields(page, action), ...fields };
      const body = new URLSearchParams();
      for (const [name, value] of Object.entries(all)) if (value !== null) body.set(name, value);
      return post(action, body.toString(), headers);
    },
  };
}
