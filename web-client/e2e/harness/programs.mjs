// Pages and programs that publish by WHIP and watch by WHEP. The functions of the first part run in a page.
import { spawn } from 'node:child_process';
import { until } from './until.mjs';

/** In the page: a WHEP player of a few lines. */
export async function watch({ room, token, sources }) {
  const peer = new RTCPeerConnection();
  window.__player = peer;
  const player = document.createElement('video');
  Object.assign(player, { autoplay: true });
  player.srcObject = new MediaStream();
  peer.ontrack = ({ track }) => player.srcObject.addTrack(track);
  document.body.append(player);
  for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
  await peer.setLocalDescription();
  const answer = await fetch(`/api/v1/rooms/${room}/whep?sources=${sources}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    body: peer.localDescription.sdp,
  });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${sdp}`);
  window.__session = answer.headers.get('location');
  await peer.setRemoteDescription({ type: 'answer', sdp });
  await player.play().catch(() => undefined);
}

/** In the page: a WHIP publisher of camera and microphone, all candidates in the offer. */
export async function publish({ room, token, label, codec }) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
  const peer = new RTCPeerConnection();
  window.__publisher = peer;
  for (const track of stream.getTracks()) {
    const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    if (track.kind !== 'video' || !codec) continue;
    const is = ({ mimeType }) => [`video/${codec}`, 'video/rtx'].includes(mimeType.toLowerCase());
    transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(is));
  }
  await peer.setLocalDescription();
  await new Promise((resolve) => {
    const look = () => peer.iceGatheringState === 'complete' && resolve();
    peer.addEventListener('icegatheringstatechange', look);
    look();
  });
  const answer = await fetch(`/api/v1/rooms/${room}/whip?label=${label}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    body: peer.localDescription.sdp,
  });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(`WHIP: ${answer.status} ${sdp}`);
  window.__session = answer.headers.get('location');
  await peer.setRemoteDescription({ type: 'answer', sdp });
}

/** In the page: what the player of `watch` has decoded. Firefox gives sound energy with the samples that it has played. */
export async function counters() {
  const result = { frames: 0, energy: 0, state: window.__player.connectionState, codec: '' };
  const stats = await window.__player.getStats();
  for (const stat of stats.values()) {
    if (stat.type !== 'inbound-rtp') continue;
    result.frames += stat.framesDecoded ?? 0;
    result.energy += stat.totalAudioEnergy ?? 0;
    if (stat.kind === 'video') result.codec = stats.get(stat.codecId)?.mimeType ?? '';
  }
  return result;
}

/** In the page: the end of its WHIP or WHEP session; gives the status. */
export async function stop(token) {
  const answer = await fetch(window.__session, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
  return answer.status;
}

/** Until a page has decoded pictures and heard something. `page`: of playwright or puppeteer. */
export async function shown(page, what) {
  await until(
    `picture and sound: ${what}`,
    async () => {
      const seen = await page.evaluate(counters);
      if (seen.frames > 20 && seen.energy > 0) return true;
      throw new Error(JSON.stringify(seen));
    },
    { within: 30_000, every: 200 },
  );
}

/** A program that runs until it is stopped; what it says is kept for the text of a failure. */
export class Program {
  static start(command, args) {
    const program = new Program();
    program.said = '';
    program.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    program.exited = new Promise((resolve) => program.process.once('exit', (code) => resolve(code ?? -1)));
    for (const stream of [program.process.stdout, program.process.stderr])
      stream.on('data', (chunk) => {
        program.said += chunk;
      });
    return program;
  }

  async connected() {
    await until(
      'the program is connected',
      () => {
        if (this.said.includes('connected')) return true;
        throw new Error(`it said: ${this.said.slice(-2_000)}`);
      },
      { within: 60_000 },
    );
  }

  /** It ends by itself, and well. */
  async succeeds() {
    const code = await this.exited;
    if (code !== 0) throw new Error(`exit code ${code}; it said: ${this.said.slice(-2_000)}`);
  }

  /** Asks it to end by closing its input; kills it when it does not. */
  async stop() {
    this.process.stdin.end();
    const forced = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(forced);
  }
}
