// Passkeys in the browser. A part of a page that can use one has `data-passkey` ("create" or "get") and the options of the
// ceremony in `data-options`; the form in it takes the answer in its field `credential` and is sent like any other.

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
    character.charCodeAt(0),
  );
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** The options as the browser takes them: what is base64url in JSON is bytes there. */
function decoded(options) {
  const listed = (list = []) => list.map((each) => ({ ...each, id: bytesOf(each.id) }));
  const known = { ...options, challenge: bytesOf(options.challenge) };
  if (options.user !== undefined) known.user = { ...options.user, id: bytesOf(options.user.id) };
  if (options.excludeCredentials !== undefined) known.excludeCredentials = listed(options.excludeCredentials);
  if (options.allowCredentials !== undefined) known.allowCredentials = listed(options.allowCredentials);
  return known;
}

function encoded({ id, rawId, type, response }) {
  const { clientDataJSON, attestationObject, authenticatorData, signature, userHandle } = response;
  const answer = { clientDataJSON: textOf(clientDataJSON) };
  if (attestationObject !== undefined) {
    answer.attestationObject = textOf(attestationObject);
    answer.transports = response.getTransports?.() ?? [];
  } else {
    answer.authenticatorData = textOf(authenticatorData);
    answer.signature = textOf(signature);
    if (userHandle !== null && userHandle.byteLength > 0) answer.userHandle = textOf(userHandle);
  }
  return { id, rawId: textOf(rawId), type, response: answer, clientExtensionResults: {} };
}

function words(error) {
  if (error.name === 'InvalidStateError') return 'This passkey is set up already.';
  if (error.name === 'NotAllowedError') return 'That was not finished. Try again when you are ready.';
  return 'This browser cannot use the passkey here.';
}

async function answer(part, form) {
  const publicKey = decoded(JSON.parse(part.dataset.options));
  // Somebody who joins says their name in the form: it is what their device calls the passkey by.
  const login = form.elements.login?.value;
  if (publicKey.user !== undefined && login)
    Object.assign(publicKey.user, { name: login, displayName: login });
  const credential = await navigator.credentials[part.dataset.passkey]({ publicKey });
  form.elements.credential.value = JSON.stringify(encoded(credential));
  form.submit();
}

if (window.PublicKeyCredential !== undefined) {
  for (const part of document.querySelectorAll('[data-needs-passkey]')) part.hidden = false;
  for (const part of document.querySelectorAll('[data-passkey]')) {
    const form = part.querySelector('form');
    const problem = part.querySelector('.error');
    part.hidden = false;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const button = form.querySelector('button');
      problem.textContent = '';
      button.disabled = true;
      answer(part, form).catch((error) => {
        problem.textContent = words(error);
        button.disabled = false;
      });
    });
  }
}
