/** The parts that pages about second factors share. */
import { type Html, html } from '../html.ts';
import { qrImage } from '../qr.ts';

export const codeField = (label: string, problem: string | undefined): Html => html`<div class="field">
          <label for="code">${label}</label>
          <input id="code" name="code" type="text" inputmode="text" autocomplete="one-time-code" autocapitalize="none"
            spellcheck="false" required maxlength="40" aria-describedby="code-error">
          <p class="error" id="code-error" role="alert">${problem}</p>
        </div>`;

/** How to take a new secret into an app. */
export function setupSteps(uri: string): Html {
  const secret = new URL(uri).searchParams.get('secret') ?? '';
  return html`<ol class="steps">
        <li><p>Scan this with an authenticator app, or type the key into it.</p>
          <figure>${qrImage(uri, 'The key as a QR code')}<figcaption><code>${secret}</code></figcaption></figure></li>
        <li><p>Type the code that the app shows.</p></li>
      </ol>`;
}

export const recoveryList = (codes: readonly string[]): Html => html`
      <p>Keep these recovery codes where you find them without your app. Each works once, and they are shown only now.</p>
      <pre>${codes.map((code) => (code.match(/.{4}/gu) ?? []).join('-')).join('\n')}</pre>`;

export const WRONG_CODE = 'That code is not right, or it was used already. Wait for the next one.';
