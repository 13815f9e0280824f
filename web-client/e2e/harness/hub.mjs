// A real hub on free ports with a data folder of its own: started, killed, started again.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.mjs';

export const PASSWORD = 'kafedra-demo';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const binary = process.env.KAFEDRA_BIN ?? join(repository, 'target/release/kafedra');

export function freeTcpPort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Takes a port for a moment. */
function takes(port, bind) {
  return new Promise((resolve) => {
    const taken = bind(port, () => taken.close(() => resolve(true))).once('error', () => resolve(false));
  });
}

/**
 * A port that is free for datagrams and connections alike, as media takes it. Not one of those that the system hands out:
 * somebody's outgoing connection may hold its number by the time the hub starts.
 */
async function freeMediaPort() {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const udp = (wanted, done) => createSocket('udp4').bind(wanted, done);
    const tcp = (wanted, done) => createServer().listen(wanted, done);
    if ((await takes(port, udp)) && (await takes(port, tcp))) return port;
  }
  throw new Error('no port is free for media');
}

export class Hub {
  /**
   * Starts a hub with the demo school. `env`: further KAFEDRA_* settings; `on`: a command that starts it on another host,
   * where it has this `address`; `twin`: another hub, stopped for the moment, with a copy of whose data it begins; `jitter`:
   * makes a line in front of the media port that it is given, whose port browsers are told; `founded`: an empty school
   * instead of the demo, with an administrator of this login and the usual password.
   */
  static async start({ env = {}, on = [], address, twin, jitter, founded } = {}) {
    if (!existsSync(binary)) throw new Error(`${binary} is not there: make build, or set KAFEDRA_BIN`);
    const hub = new Hub();
    hub.data = mkdtempSync(join(tmpdir(), 'kafedra-e2e-'));
    if (twin) cpSync(twin.data, hub.data, { recursive: true });
    hub.port = await freeTcpPort();
    hub.udp = await freeMediaPort();
    hub.on = on;
    hub.address = address ?? '127.0.0.1';
    hub.url = `http://${address ?? 'localhost'}:${hub.port}`;
    hub.env = env;
    if (jitter) {
      hub.line = await jitter(hub.udp);
      hub.env = {
        ...env,
        KAFEDRA_MEDIA__ADVERTISE: '127.0.0.1',
        KAFEDRA_MEDIA__UDP_PUBLIC_PORT: String(hub.line.port),
      };
    }
    hub.log = '';
    hub.founded = founded;
    if (founded) {
      const school = ['--name', 'Школа № 7', '--short-name', 'Школа 7'];
      const admin = ['--admin-login', founded, '--admin-name', 'Первая Анна Петровна'];
      const environment = { ...process.env, KAFEDRA_PASSWORD: PASSWORD };
      execFileSync(binary, ['school', 'init', ...school, ...admin, '--data-dir', hub.data], { env: environment });
    }
    await hub.launch();
    return hub;
  }

  async launch() {
    const school = this.founded ? [] : ['--demo'];
    const args = ['serve', ...school, '--listen', `${this.address}:${this.port}`, '--data-dir', this.data];
    const [program, ...rest] = [...this.on, binary, ...args];
    this.process = spawn(program, rest, {
      cwd: this.data,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        // One worker takes one port; without a fixed one a restarted hub would move.
        KAFEDRA_MEDIA__UDP_PORT: String(this.udp),
        KAFEDRA_MEDIA__WORKERS: '1',
        ...this.env,
      },
    });
    const keep = (chunk) => {
      this.log = (this.log + chunk).slice(-200_000);
    };
    this.process.stdout.on('data', keep);
    this.process.stderr.on('data', keep);
    this.exited = new Promise((resolve) => this.process.once('exit', resolve));
    await until('the hub is ready', async () => (await fetch(`${this.url}/readyz`)).ok, { within: 20_000 }).catch(
      (error) => {
        throw new Error(`${error.message}\n${this.log}`);
      },
    );
  }

  /** As a power cut would. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  /** The same data, the same ports; `env` replaces settings, for example the clock's offset. */
  async startAgain({ env = {} } = {}) {
    Object.assign(this.env, env);
    await this.launch();
  }

  /** In order; the data stays. */
  async halt() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGTERM');
    const forced = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(forced);
  }

  /** In order, and the data folder is gone. */
  async stop() {
    await this.halt();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** A signed-in program: cookie of `code`, JSON in and out. */
  async as(code) {
    const answer = await fetch(`${this.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: this.url },
      body: JSON.stringify({ login: code, password: PASSWORD }),
    });
    if (!answer.ok) throw new Error(`sign-in of ${code}: ${answer.status} ${await answer.text()}`);
    const cookie = answer.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    return new Program(this, code, cookie, await answer.json());
  }
}

/** One signed-in account without a browser. */
class Program {
  constructor(hub, code, cookie, me) {
    Object.assign(this, { hub, code, cookie, me });
  }

  async call(method, path, { body, type = 'application/json', headers = {} } = {}) {
    const answer = await fetch(this.hub.url + path, {
      method,
      headers: {
        cookie: this.cookie,
        origin: this.hub.url,
        ...(body === undefined ? {} : { 'content-type': type }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} as ${this.code}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  get(path) {
    return this.call('GET', path);
  }

  post(path, body, type) {
    return this.call('POST', path, { body, type });
  }

  async timetable() {
    return (await this.get('/api/v1/timetable')).items;
  }
}
