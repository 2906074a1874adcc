// The command that connects the first device, and the devices as the server tells of them.
const RETRY_MS = 2000;
const SVG = 'http://www.w3.org/2000/svg';

const byId = (id) => document.getElementById(id);
const stored = sessionStorage.getItem('first-run');
const made = stored === null ? undefined : JSON.parse(stored);

if (made === undefined) byId('nothing').hidden = false;
else {
  show();
  void watch();
}

function isPrivate(host) {
  return (
    host === 'localhost' ||
    host === '[::1]' ||
    /^(?:127|10|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./.test(host) ||
    /^\[f[cde]/.test(host)
  );
}

function show() {
  byId('connect').hidden = false;
  byId('organization').textContent = made.organization.label;
  byId('command').textContent = made.command;
  byId('api-key').textContent = made.api_key;
  const server = new URL(made.login_server);
  byId('plain-http').hidden = server.protocol === 'https:' || isPrivate(server.hostname);
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', made.qr.path);
  path.setAttribute('fill', 'currentColor');
  byId('qr').setAttribute('viewBox', `0 0 ${made.qr.size} ${made.qr.size}`);
  byId('qr').append(path);
  byId('copy').addEventListener('click', copy);
  showDevices([]);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(made.command);
    byId('copied').textContent = 'Copied.';
  } catch {
    // Browsers give pages the clipboard only over https and on this machine.
    getSelection().selectAllChildren(byId('command'));
    byId('copied').textContent = 'Selected: copy it with your keyboard.';
  }
}

function row({ name, os, online, addresses }) {
  const item = document.createElement('li');
  item.classList.toggle('online', online);
  for (const [kind, text] of [
    ['name', name],
    ['address', [os, addresses[0]].filter(Boolean).join(' · ')],
    ['state', online ? '✓ connected' : 'not connected'],
  ]) {
    const part = document.createElement('span');
    part.className = kind;
    part.textContent = text;
    item.append(part);
  }
  return item;
}

function say(text, waiting) {
  const status = byId('status');
  // Said again only when it is new: a screen reader reads out every change.
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle('waiting', waiting);
}

function showDevices(devices) {
  byId('devices').replaceChildren(...devices.map(row));
  const online = devices.filter((device) => device.online);
  byId('waiting').hidden = online.length > 0;
  if (online.length === 0) say('Waiting for the device…', true);
  else if (online.length === 1) say(`${online[0].name} is connected. That’s it!`, false);
  else say(`${online.length} devices are connected.`, false);
}

async function readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events)
      if (event.startsWith('data: ')) showDevices(JSON.parse(event.slice('data: '.length)).devices);
  }
}

async function watch() {
  while (true) {
    try {
      const answer = await fetch('/app/api/devices/live', {
        headers: { authorization: `Bearer ${made.api_key}` },
        cache: 'no-store',
      });
      if (answer.status === 401 || answer.status === 403) {
        say('This key is no longer valid. Reload the page after signing in again.', false);
        return;
      }
      if (answer.ok) await readEvents(answer.body);
    } catch {
      // The server restarts, or the network is away.
    }
    say('Lost touch with the server; trying again…', true);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
