// The form of the first run. The link's secret stands after the #, so that it reaches no log and no other site.
const SECRET_PATTERN = /^#first-run=([A-Za-z0-9]{16,100})$/;

const byId = (id) => document.getElementById(id);
const form = byId('form');
const secret = SECRET_PATTERN.exec(location.hash)?.[1];

byId(secret === undefined ? 'no-link' : 'form-section').hidden = false;
if (secret !== undefined) byId('email').focus();
// A link that is pasted over this page changes only what stands after the #.
addEventListener('hashchange', () => location.reload());

const toLabel = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);

let labelChosen = false;
const showLabel = () => {
  byId('label-shown').textContent = byId('label').value || 'name';
};
byId('label').addEventListener('input', () => {
  labelChosen = byId('label').value !== '';
  showLabel();
});
byId('email').addEventListener('input', () => {
  if (labelChosen) return;
  const domain = byId('email').value.split('@')[1] ?? '';
  byId('label').value = toLabel(domain.split('.')[0] ?? '');
  showLabel();
});

function showError(field, message) {
  const input = byId(field);
  const place = byId(`${field}-error`) ?? byId('form-error');
  place.textContent = message.charAt(0).toUpperCase() + message.slice(1);
  if (input instanceof HTMLInputElement) {
    input.setAttribute('aria-invalid', 'true');
    input.focus();
  }
}

function clearErrors() {
  for (const place of document.querySelectorAll('.error')) place.textContent = '';
  for (const input of form.querySelectorAll('input')) input.removeAttribute('aria-invalid');
}

function complaint() {
  if (!/^[^\s@]+@[^\s@]+$/.test(byId('email').value.trim()))
    return ['email', 'Give an e-mail address, such as you@example.com.'];
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(byId('label').value.trim().toLowerCase()))
    return ['label', 'Use a to z, 0 to 9 and hyphens; begin and end with a letter or digit.'];
  return undefined;
}

const FIELDS = { owner: 'email', label: 'label', email: 'email', password: 'password' };

async function create() {
  const answer = await fetch('/app/api/first-run', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      secret,
      email: byId('email').value,
      label: byId('label').value,
      password: byId('password').value,
    }),
  });
  const content = await answer.json();
  if (!answer.ok) {
    showError(FIELDS[content.field] ?? 'form', content.message);
    return;
  }
  sessionStorage.setItem('first-run', JSON.stringify(content));
  // Replaced, so that going back does not lead to a form that is no longer there.
  location.replace('/app/first-device');
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  clearErrors();
  const problem = complaint();
  if (problem !== undefined) {
    showError(...problem);
    return;
  }
  byId('submit').disabled = true;
  try {
    await create();
  } catch {
    showError('form', 'The server does not answer. Is it running? Try again.');
  } finally {
    byId('submit').disabled = false;
  }
});
