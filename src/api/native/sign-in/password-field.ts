/** The field of a form in which somebody chooses a password. */
import { MIN_PASSWORD_LENGTH } from '../../../domain/people/organization-password.ts';
import { type Html, html } from '../html.ts';

/** `problem`: what was wrong with the password that was sent before. */
export const newPasswordField = (label: string, problem: string | undefined): Html => html`<div class="field">
          <label for="password">${label}</label>
          <input id="password" name="password" type="password" autocomplete="new-password" required
            minlength="${MIN_PASSWORD_LENGTH}" aria-describedby="password-error">
          <p class="error" id="password-error" role="alert">${problem}</p>
        </div>`;
