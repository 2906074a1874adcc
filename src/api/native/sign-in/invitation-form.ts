/** What whoever has the link of an invitation is asked: which of the ways in they take. */
import type { FoundInvitation } from '../../../domain/people/invitation-acceptance.ts';
import { type Html, html } from '../html.ts';
import { withNext } from './next-page.ts';
import { type PasskeyPart, passkeyPart } from './passkey-forms.ts';
import { newPasswordField } from './password-field.ts';

/** What was wrong with the answer before. */
export interface InvitationProblem {
  /** Of the form's fields; of the form for passkeys, where `passkey`. */
  readonly field: string;
  readonly text: string;
  readonly name: string;
  readonly passkey: boolean;
}

export interface InvitationFormParts {
  readonly found: FoundInvitation;
  /** The page's own. */
  readonly path: string;
  readonly token: () => Html;
  /** Who is signed in with an account that is good everywhere. */
  readonly self: string | undefined;
  readonly connections: readonly { readonly id: number; readonly name: string }[];
  readonly takesPasswords: boolean;
  /** Undefined where the organization, or the address of this page, takes no passkeys. */
  readonly passkey: PasskeyPart['prepared'] | undefined;
  readonly problem: InvitationProblem | undefined;
}

const nameField = (
  id: string,
  field: string,
  value: string | undefined,
  error: string | undefined,
): Html => html`
        <div class="field">
          <label for="${id}">Name to sign in by</label>
          <input id="${id}" name="${field}" autocomplete="username" required minlength="4" maxlength="254"
            value="${value}" aria-describedby="${id}-error">
          <p class="error" id="${id}-error" role="alert">${error}</p>
        </div>`;

export function invitationForm(parts: InvitationFormParts): Html {
  const { found, path, token, self, connections, takesPasswords, passkey, problem } = parts;
  const { invitation, organization, member, everywhere } = found;
  const wrong = (field: string, inPasskey = false): string | undefined =>
    problem?.field === field && problem.passkey === inPasskey ? problem.text : undefined;
  const ways = connections.length > 0 || takesPasswords || passkey !== undefined;

  const own =
    self === undefined
      ? html`<p><a href="${withNext('/login', path)}">Sign in</a> to join with the account that you have.</p>`
      : html`<form method="post" action="${path}/account">
        ${token()}
        <div class="actions"><button type="submit">Join as ${self}</button></div>
      </form>`;
  const providers = html`<div class="actions">${connections.map(
    ({ id, name }) => html`<a class="button" href="${path}/sso?connection=${id}">Join with ${name}</a>`,
  )}</div>`;
  const password = html`<p>${
    member === undefined ? 'Choose a name and a password.' : 'Choose a password.'
  } ${everywhere ? 'It is yours, also in other organizations.' : 'It is good for this organization.'}</p>
      <form method="post" action="${path}">
        ${token()}
        ${
          member === undefined
            ? nameField('name', 'name', problem?.name, wrong('name'))
            : html`<input type="hidden" name="username" autocomplete="username" value="${invitation.email ?? ''}">`
        }
        ${newPasswordField('Password', wrong('password'))}
        <div class="actions"><button type="submit">${member === undefined ? 'Join' : 'Accept and join'}</button></div>
      </form>`;

  return html`
      <h1>Join ${organization.name}</h1>
      <p>${
        member === undefined
          ? `${invitation.byName} invites whoever has this link. It can be used once.`
          : `${invitation.byName} invited ${invitation.email ?? ''}.`
      }</p>
      ${own}
      ${ways ? html`<p class="or">or as somebody new</p>` : undefined}
      ${connections.length > 0 ? providers : undefined}
      ${connections.length > 0 && takesPasswords ? html`<p class="or">or with a password</p>` : undefined}
      ${takesPasswords ? password : undefined}
      ${
        passkey === undefined
          ? undefined
          : html`<p class="or" data-needs-passkey hidden>or</p>
      ${passkeyPart({
        ceremony: 'create',
        prepared: passkey,
        action: `${path}/passkey`,
        fields: token(),
        ...(member === undefined
          ? { more: nameField('passkey-name', 'login', problem?.name, wrong('name', true)) }
          : {}),
        label: 'Join with a passkey',
        quiet: takesPasswords,
      })}`
      }`;
}
