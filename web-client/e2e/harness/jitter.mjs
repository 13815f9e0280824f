// A line that delays large datagrams towards the browser, each by another time, in order: pictures come unevenly, voices
// evenly. It stands in front of the hub's media port, as a router does that maps another port.
import { createSocket } from 'node:dgram';

/** Voices with what was repeated of them are smaller, pictures mostly larger. */
const LARGE = 400;

export class Jitter {
  /** In front of `port`; `most` is the longest delay in ms, changed at will. */
  static async before(port, most) {
    const line = new Jitter();
    Object.assign(line, { hub: port, most, seed: 7, ways: new Map(), timers: new Set() });
    line.front = createSocket('udp4');
    line.front.on('message', (datagram, from) => line.up(datagram, from));
    await new Promise((resolve, reject) => line.front.once('error', reject).bind(0, '127.0.0.1', resolve));
    line.port = line.front.address().port;
    return line;
  }

  /** Each client has a socket of its own towards the hub, or the hub could not tell them apart. */
  up(datagram, from) {
    const key = `${from.address}:${from.port}`;
    let way = this.ways.get(key);
    if (!way) {
      way = { socket: createSocket('udp4'), free: 0 };
      this.ways.set(key, way);
      way.socket.on('message', (answer) => this.down(answer, from, way));
    }
    way.socket.send(datagram, this.hub, '127.0.0.1');
  }

  down(datagram, to, way) {
    if (datagram.length < LARGE) {
      this.front.send(datagram, to.port, to.address);
      return;
    }
    this.seed = (this.seed * 1_103_515_245 + 12_345) % 2 ** 31;
    const now = performance.now();
    way.free = Math.max(way.free, now + (this.seed / 2 ** 31) * this.most);
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.front.send(datagram, to.port, to.address);
    }, way.free - now);
    this.timers.add(timer);
  }

  end() {
    for (const timer of this.timers) clearTimeout(timer);
    for (const { socket } of this.ways.values()) socket.close();
    this.front.close();
  }
}
