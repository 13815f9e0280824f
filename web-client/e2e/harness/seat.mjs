// A seat in a room without the web client: a socket and a peer connection in a page, with whatever codec, layers and
// transforms a scenario wants. `installSeats` runs in the page before its own code and leaves `window.__seat`.

/** In the page. */
export function installSeats() {
  /** A picture that moves, with a white flash and a beep together once in a second when `flashes`. */
  const synthesise = ({ width, height, fps = 15, flashes = false, hue = 200 }) => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const pen = canvas.getContext('2d', { alpha: false });
    const audio = new AudioContext();
    const output = audio.createMediaStreamDestination();
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = 440;
    loudness.gain.value = flashes ? 0 : 0.3;
    tone.connect(loudness).connect(output);
    tone.start();
    let n = 0;
    let lit = false;
    const draw = () => {
      n += 1;
      // Flash and beep follow one clock, the sound's; a third of a second in each two.
      const now = flashes && audio.currentTime % 2 < 0.33;
      if (now !== lit) {
        lit = now;
        loudness.gain.setValueAtTime(lit ? 0.5 : 0, audio.currentTime);
      }
      pen.fillStyle = lit ? '#fff' : `hsl(${hue} 60% 25%)`;
      pen.fillRect(0, 0, width, height);
      pen.fillStyle = lit ? '#fff' : `hsl(${hue} 60% 60%)`;
      pen.fillRect((n * 8) % width, height / 4, width / 8, height);
    };
    draw();
    const timer = setInterval(draw, 1000 / fps);
    const [video] = canvas.captureStream(fps).getVideoTracks();
    const [sound] = output.stream.getAudioTracks();
    return { video, sound, audio, stop: () => clearInterval(timer) };
  };

  const prefer = (transceiver, codec) => {
    if (!codec) return;
    const { kind } = transceiver.receiver.track;
    const known = RTCRtpReceiver.getCapabilities(kind).codecs;
    const is = (wanted, { mimeType, sdpFmtpLine = '' }) => {
      if (mimeType.toLowerCase() !== `${kind}/${wanted}`) return false;
      if (wanted === 'h264') return /packetization-mode=1.*profile-level-id=42e0/.test(sdpFmtpLine);
      return !/profile(-id)?=[1-9]/.test(sdpFmtpLine);
    };
    transceiver.setCodecPreferences(known.filter((each) => is(codec, each) || is('rtx', each)));
  };

  /**
   * Takes a seat in `room`. `sends`: [{ kind, codec, encodings, encrypted, picture }], `picture` for `synthesise`, or 'same'
   * for the one before; audio kinds take the sound of the picture before. `watches`: how many receive slots of each kind.
   */
  const open = async (room, { sends = [], watches = { audio: 0, video: 0 }, secret, flashes = false } = {}) => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws`);
    const peer = new RTCPeerConnection();
    const seat = {
      peer,
      socket,
      sources: [],
      slots: [],
      errors: [],
      members: new Map(),
      mids: { audio: [], video: [] },
    };
    const say = (message) => socket.send(JSON.stringify(message));
    seat.say = say;
    const waiting = new Map();
    const heard = (type) => new Promise((resolve) => waiting.set(type, resolve));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'sources' || message.type === 'joined') seat.sources = message.sources;
      if (message.type === 'slot_map') seat.slots = message.slots;
      if (message.type === 'error') seat.errors.push(message);
      waiting.get(message.type)?.(message);
    };
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error('no socket'));
    });
    say({ type: 'hello', version: 1 });
    await heard('welcome');
    say({ type: 'join', room });
    const joined = await Promise.race([heard('joined'), heard('error')]);
    if (joined.type === 'error') throw new Error(`join: ${JSON.stringify(joined)}`);
    seat.id = joined.peer;
    let picture;
    const lines = [];
    for (const { kind, codec, encodings, encrypted = false, picture: wanted, hint } of sends) {
      const isAudio = kind === 'microphone' || kind === 'screen_audio';
      const same = wanted === 'same' || isAudio;
      if (!same || !picture) picture = synthesise({ width: 320, height: 180, flashes, ...wanted });
      const track = isAudio ? picture.sound : same ? picture.video.clone() : picture.video;
      if (hint) track.contentHint = hint;
      const init = { direction: 'sendonly', ...(encodings ? { sendEncodings: encodings } : {}) };
      const transceiver = peer.addTransceiver(track, init);
      prefer(transceiver, codec);
      if (encrypted) secret.protect(transceiver.sender);
      lines.push({ kind, encrypted, transceiver });
    }
    for (const media of ['audio', 'video']) {
      for (let n = 0; n < watches[media]; n += 1) {
        const transceiver = peer.addTransceiver(media, { direction: 'recvonly' });
        if (secret) secret.open(transceiver.receiver);
        lines.push({ media, transceiver });
        // Without an element nothing is decoded or played.
        const element = document.createElement(media);
        Object.assign(element, { autoplay: true, muted: media === 'video' });
        element.srcObject = new MediaStream([transceiver.receiver.track]);
        document.body.append(element);
      }
    }
    await peer.setLocalDescription();
    const answered = Promise.race([heard('answer'), heard('error')]);
    const sent = lines.filter(({ kind }) => kind);
    const named = sent.map(({ kind, encrypted, transceiver }) => ({
      kind,
      mid: transceiver.mid,
      ...(encrypted ? { encrypted } : {}),
    }));
    say({ type: 'offer', id: 1, sdp: peer.localDescription.sdp, sends: named });
    const answer = await answered;
    if (answer.type === 'error') throw new Error(`offer: ${JSON.stringify(answer)}`);
    await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    for (const { media, transceiver } of lines) if (media) seat.mids[media].push(transceiver.mid);
    for (const { kind } of sent) say({ type: 'mute', kind, muted: false });
    return seat;
  };

  /** Asks for these sources by kind and owner, in the video slots in their order. */
  const want = (seat, wishes) => {
    const slots = wishes.map(({ peer, kind, max_height }, n) => {
      const found = seat.sources.find((view) => view.kind === kind && (!peer || view.peer === peer) && !view.muted);
      if (!found) throw new Error(`no ${kind} among ${JSON.stringify(seat.sources)}`);
      return { mid: seat.mids.video[n], source: found.source, max_height };
    });
    seat.say({ type: 'slots', slots });
  };

  /** What arrives, by mid. */
  const counters = async (seat) => {
    const stats = await seat.peer.getStats();
    const result = { state: seat.peer.connectionState, errors: seat.errors, video: [], audio: [] };
    for (const stat of stats.values()) {
      if (stat.type !== 'inbound-rtp') continue;
      const row = {
        mid: stat.mid,
        codec: stats.get(stat.codecId)?.mimeType.split('/')[1].toLowerCase(),
        frames: stat.framesDecoded ?? 0,
        height: stat.frameHeight ?? 0,
        energy: stat.totalAudioEnergy ?? 0,
        packets: stat.packetsReceived ?? 0,
        plays: stat.estimatedPlayoutTimestamp,
      };
      result[stat.kind].push(row);
    }
    return result;
  };

  /**
   * Watches one video and one audio track for flashes and beeps for `ms`; gives how many milliseconds each flash was shown
   * after its beep was played, both taken where the page gets them for playing.
   */
  const lips = async (seat, ms) => {
    const tracks = (media) =>
      seat.peer
        .getTransceivers()
        .filter(({ receiver, currentDirection }) => receiver.track.kind === media && currentDirection === 'recvonly')
        .map(({ receiver }) => receiver.track);
    const flashes = [];
    const beeps = [];
    const until = performance.now() + ms;
    // Pictures by when the element shows them: a track hands them out as soon as they are decoded.
    const eyes = () =>
      new Promise((resolve) => {
        const video = document.createElement('video');
        Object.assign(video, { autoplay: true, muted: true, srcObject: new MediaStream(tracks('video').slice(0, 1)) });
        document.body.append(video);
        const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
        let lit = true;
        const look = (_, { expectedDisplayTime }) => {
          // The upper left corner is flash or ground, nothing else.
          pen.drawImage(video, 0, 0, 8, 8, 0, 0, 1, 1);
          const is = pen.getImageData(0, 0, 1, 1).data[0] > 200;
          if (is && !lit) flashes.push(expectedDisplayTime);
          lit = is;
          if (performance.now() < until) video.requestVideoFrameCallback(look);
          else {
            video.remove();
            resolve();
          }
        };
        video.requestVideoFrameCallback(look);
      });
    const ears = async () => {
      const reader = new MediaStreamTrackProcessor({ track: tracks('audio')[0] }).readable.getReader();
      let loud = true;
      while (performance.now() < until) {
        const { value: data, done } = await reader.read();
        if (done) break;
        const now = performance.now();
        const samples = new Float32Array(data.allocationSize({ planeIndex: 0, format: 'f32-planar' }) / 4);
        data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
        data.close();
        const is = samples.some((sample) => Math.abs(sample) > 0.05);
        if (is && !loud) beeps.push(now);
        loud = is;
      }
      await reader.cancel();
    };
    await Promise.all([eyes(), ears()]);
    const nearest = (beep) => flashes.map((flash) => flash - beep).sort((a, b) => Math.abs(a) - Math.abs(b))[0];
    return beeps.flatMap((beep) => nearest(beep) ?? []).filter((late) => Math.abs(late) < 800);
  };

  /** Encrypts every whole frame with a key made of `phrase`, and opens what was encrypted so (encoded transforms). */
  const secretOf = (phrase) => {
    const code = `
      const keyOf = async (phrase) => crypto.subtle.importKey('raw',
        await crypto.subtle.digest('SHA-256', new TextEncoder().encode(phrase)), 'AES-GCM', false, ['encrypt', 'decrypt']);
      onrtctransform = ({ transformer: { readable, writable, options } }) => {
        const key = keyOf(options.phrase);
        const transform = async (frame, controller) => {
          if (options.side === 'protect') {
            const iv = crypto.getRandomValues(new Uint8Array(12));
            const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await key, frame.data);
            const whole = new Uint8Array(12 + sealed.byteLength);
            whole.set(iv);
            whole.set(new Uint8Array(sealed), 12);
            frame.data = whole.buffer;
          } else {
            const iv = new Uint8Array(frame.data, 0, 12);
            const sealed = new Uint8Array(frame.data, 12);
            frame.data = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, await key, sealed).catch(() => undefined);
            if (!frame.data) return;
          }
          controller.enqueue(frame);
        };
        readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable);
      };`;
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
    return {
      protect: (sender) => {
        sender.transform = new RTCRtpScriptTransform(worker, { side: 'protect', phrase });
      },
      open: (receiver) => {
        receiver.transform = new RTCRtpScriptTransform(worker, { side: 'open', phrase });
      },
    };
  };

  window.__seat = { open, secretOf, want, counters, lips, synthesise, prefer };
}
