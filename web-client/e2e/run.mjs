// Runs the browser scenarios one after the other: `npm run e2e`, or `npm run e2e -- webinar` for those whose file name
// contains the word. Each file starts a hub of its own on free ports and a browser of its own.
import { readdirSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('./scenarios/', import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.mjs') && (wanted.length === 0 || wanted.some((word) => name.includes(word))))
  .sort()
  .map((name) => folder + name);
if (files.length === 0) {
  console.error(`no scenario is called ${wanted.join(' ')}`);
  process.exit(2);
}

run({ files, concurrency: 1, timeout: 300_000 })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
