/** The frame of every page: head, brand, main. */
import { type Html, html } from './html.ts';

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** A module of the program's own, by its path. */
  readonly script?: string;
}

export const pageFrame = ({ title, body, script }: Page): string =>
  html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="robots" content="noindex">
    <title>${title}</title>
    <link rel="icon" href="/app/holdfast.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/app/style.css">
    ${script === undefined ? undefined : html`<script type="module" src="${script}"></script>`}
  </head>
  <body>
    <header class="brand"><img src="/app/holdfast.svg" alt="" width="32" height="32"><span>Holdfast</span></header>
    <main>
${body}
    </main>
  </body>
</html>
`.markup;
