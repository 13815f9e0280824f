// Fails when a page costs a pupil on a slow line more than DESIGN allows (brotli bytes of JavaScript).
import { readFileSync, statSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';

const KB = 1000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

/** Every script that the browser loads for these manifest entries, static imports included. */
function scripts(keys, seen = new Set()) {
  for (const key of keys) {
    const chunk = manifest[key];
    if (!chunk) throw new Error(`no such chunk: ${key}`);
    if (seen.has(chunk.file)) continue;
    seen.add(chunk.file);
    scripts(chunk.imports ?? [], seen);
  }
  return seen;
}

function size(files) {
  let bytes = 0;
  for (const file of files) {
    const url = new URL(file, dist);
    try {
      bytes += statSync(new URL(`${url.href}.br`)).size;
    } catch {
      bytes += brotliCompressSync(readFileSync(url)).length;
    }
  }
  return bytes;
}

const entry = scripts(['index.html']);
const timetable = scripts(['index.html', 'src/app/shell.tsx', 'src/features/timetable/page.tsx']);
const room = scripts([
  'index.html',
  'src/app/shell.tsx',
  'src/features/timetable/page.tsx',
  'src/features/room/page.tsx',
]);
const rows = [
  ['entry', size(entry), 110 * KB],
  ['entry + timetable', size(timetable), 150 * KB],
  ['room on top of it', size(room) - size(timetable), 30 * KB],
];
let over = false;
for (const [name, bytes, limit] of rows) {
  const mark = bytes > limit ? 'OVER' : 'ok';
  over ||= bytes > limit;
  console.log(`${name.padEnd(20)} ${(bytes / KB).toFixed(1).padStart(6)} kB of ${(limit / KB).toFixed(0)} kB  ${mark}`);
}
process.exit(over ? 1 : 0);
