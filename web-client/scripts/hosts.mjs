// Fails when the bundle names a foreign host: nothing may be loaded from outside the school's hub.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Names, not addresses to load from: XML namespaces and the links in React's, Mantine's and the router's error texts.
const ALLOWED = [
  /^www\.w3\.org$/,
  /^react\.dev$/,
  /^mantine\.dev$/,
  /^tanstack\.com$/,
  /^help\.mantine\.dev$/,
  /^localhost$/,
];
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

const found = new Map();
for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(js|css|html|svg|json)$/.test(name)) continue;
  const text = readFileSync(join(dist, name), 'utf8');
  for (const [, host] of text.matchAll(/(?:https?|wss?):\/\/([a-zA-Z0-9.-]+\.[a-zA-Z]{2,}|localhost)/g)) {
    if (!ALLOWED.some((pattern) => pattern.test(host))) found.set(host, name);
  }
}
for (const [host, name] of found) console.log(`foreign host ${host} in ${name}`);
if (found.size === 0) console.log('no foreign hosts');
process.exit(found.size === 0 ? 0 : 1);
