// A small network of namespaces: a client behind a router, the hub and a relay behind the same router, which drops, counts
// and translates as a school's does. Needs root. This process reaches the hub over a cable of its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'kafedra-lab-';
const HOSTS = ['router', 'client', 'hub', 'relay'];

export const CLIENT = '10.88.1.2';
export const OTHER_CLIENT = '10.88.1.77';
export const HUB = '10.88.2.2';
export const RELAY = '10.88.3.2';
/** The router as hub and relay see the client: it translates. */
export const ROUTER_AT_HUB = '10.88.2.1';

function run(program, ...args) {
  return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/**
 * Why this cannot run here; undefined: it can. A machine that forbids namespaces (a container) is a reason to say so and go on;
 * a tool that is missing where CI runs is a failure.
 */
export function obstacle() {
  const probe = `${PREFIX}${process.pid}-probe`;
  try {
    run('ip', 'netns', 'add', probe);
    run('ip', '-n', probe, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
  } catch (error) {
    return `network namespaces are needed: ${error.message}`;
  } finally {
    try {
      run('ip', 'netns', 'del', probe);
    } catch {
      // It was not made.
    }
  }
  try {
    for (const tool of ['iptables', 'conntrack', 'turnserver']) run('sh', '-c', `command -v ${tool}`);
    return undefined;
  } catch (error) {
    const why = `iptables, conntrack and coturn are needed: ${error.message}`;
    if (process.env.CI === 'true') throw new Error(why);
    return why;
  }
}

export class Netlab {
  constructor() {
    sweep();
    this.id = process.pid;
    this.folder = mkdtempSync(join(tmpdir(), 'kafedra-lab-'));
    for (const host of HOSTS) {
      run('ip', 'netns', 'add', this.name(host));
      // IPv4 only: an IPv6 address is looked for on the link before it is used, and seconds later, when it is, a browser drops
      // what it is loading (ERR_NETWORK_CHANGED).
      this.inside(host, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
      this.ip(host, 'link', 'set', 'lo', 'up');
    }
    for (const [number, host] of ['client', 'hub', 'relay'].entries()) {
      const net = `10.88.${number + 1}`;
      const end = Netlab.link(host);
      this.ip('router', 'link', 'add', end, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.name(host));
      this.ip('router', 'addr', 'add', `${net}.1/24`, 'dev', end);
      this.ip('router', 'link', 'set', end, 'up');
      this.ip(host, 'addr', 'add', `${net}.2/24`, 'dev', 'eth0');
      this.ip(host, 'link', 'set', 'eth0', 'up');
      this.ip(host, 'route', 'add', 'default', 'via', `${net}.1`);
    }
    this.inside('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    // The client's NAT.
    this.iptables('-t', 'nat', '-A', 'POSTROUTING', '-s', '10.88.1.0/24', '-j', 'MASQUERADE');
    // The cable of this process. It is gone with the hub's namespace.
    this.cable = `klab${this.id % 100_000}`;
    run('ip', 'link', 'add', this.cable, 'type', 'veth', 'peer', 'name', 'cable', 'netns', this.name('hub'));
    run('ip', 'addr', 'add', '10.88.9.1/24', 'dev', this.cable);
    run('ip', 'link', 'set', this.cable, 'up');
    this.ip('hub', 'addr', 'add', '10.88.9.2/24', 'dev', 'cable');
    this.ip('hub', 'link', 'set', 'cable', 'up');
    run('ip', 'route', 'add', `${HUB}/32`, 'via', '10.88.9.2', 'dev', this.cable);
  }

  /** The router's interface towards a host. */
  static link(host) {
    return `to-${host}`;
  }

  name(host) {
    return `${PREFIX}${this.id}-${host}`;
  }

  ip(host, ...args) {
    return run('ip', '-n', this.name(host), ...args);
  }

  /** Runs a program to its end on a host. */
  inside(host, ...command) {
    return run('ip', 'netns', 'exec', this.name(host), ...command);
  }

  /** Before the arguments of a program that shall start on a host. */
  on(host) {
    return ['ip', 'netns', 'exec', this.name(host)];
  }

  /** A program that starts another on a host: for those who take one path and no arguments. */
  wrapper(host, program) {
    const path = join(this.folder, `${host}.sh`);
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${this.name(host)} ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  iptables(...args) {
    return this.inside('router', 'iptables', '-w', ...args);
  }

  /** What the router drops from now on, each as arguments of an iptables rule; what stood there before is gone. */
  drops(...rules) {
    this.iptables('-F', 'FORWARD');
    for (const rule of rules) this.iptables('-A', 'FORWARD', ...rule, '-j', 'DROP');
  }

  /** Forgets every mapping of the NAT; the next one of UDP gets another port, as after an idle time. */
  rebind() {
    this.port = (this.port ?? 40_000) + 1_000;
    const masquerade = ['POSTROUTING', '-s', '10.88.1.0/24', '-p', 'udp', '-j', 'MASQUERADE'];
    this.iptables('-t', 'nat', '-I', ...masquerade, '--to-ports', `${this.port}-${this.port + 99}`);
    this.inside('router', 'conntrack', '-D', '-p', 'udp', '-s', CLIENT);
  }

  /** The client comes into another network: a new address, the old one is gone, and with it what ran over it. */
  moveClient(from, to) {
    this.ip('client', 'addr', 'add', `${to}/24`, 'dev', 'eth0');
    this.ip('client', 'route', 'replace', 'default', 'via', '10.88.1.1', 'src', to);
    this.ip('client', 'addr', 'del', `${from}/24`, 'dev', 'eth0');
    // Deleting the first address of an interface takes the others of its network along.
    this.ip('client', 'addr', 'replace', `${to}/24`, 'dev', 'eth0');
    this.ip('client', 'route', 'replace', 'default', 'via', '10.88.1.1');
    this.inside('router', 'conntrack', '-F');
  }

  end() {
    for (const host of HOSTS) {
      try {
        run('ip', 'netns', 'del', this.name(host));
      } catch {
        // It was not made.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Removes what killed runs have left. */
function sweep() {
  let names = [];
  try {
    names = readdirSync('/run/netns');
  } catch {
    // Nobody has made a namespace yet.
  }
  for (const name of names.filter((each) => each.startsWith(PREFIX))) {
    const owner = Number(name.slice(PREFIX.length).split('-')[0]);
    try {
      process.kill(owner, 0);
    } catch {
      run('ip', 'netns', 'del', name);
    }
  }
}
