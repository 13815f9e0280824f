// A real redis-server on a free loopback port, in memory only: stopped and started again on the same port.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { freeTcpPort } from './hub.mjs';
import { until } from './until.mjs';

export class Redis {
  static async start() {
    const redis = new Redis();
    redis.port = await freeTcpPort();
    redis.url = `redis://127.0.0.1:${redis.port}/0`;
    await redis.launch();
    return redis;
  }

  async launch() {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.process = spawn('redis-server', args, { stdio: 'ignore' });
    let missing;
    this.process.once('error', (error) => {
      missing = new Error(`redis-server does not start (${error.message}): scripts/install-test-deps.sh installs it`);
    });
    this.exited = new Promise((resolve) => this.process.once('close', resolve));
    await until('redis-server answers', () => missing || this.ping(), { within: 10_000, every: 20 });
    if (missing) throw missing;
  }

  ping() {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.once('error', reject);
      socket.once('data', (answer) => {
        socket.destroy();
        resolve(String(answer).startsWith('+PONG'));
      });
    });
  }

  /** As a power cut would: no goodbye to anybody. */
  async stop() {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
