// What a person sees on the stage of a room: which tile is large, and what its picture carries.
import { until } from './until.mjs';

/** The names of the tiles with their sizes, largest first: [{ name, area }]. */
export function tiles(page) {
  return page.getByRole('region', { name: 'Сцена' }).evaluate((stage) =>
    [...stage.querySelectorAll('figure')]
      .map((figure) => {
        const { width, height } = figure.getBoundingClientRect();
        return { name: figure.getAttribute('aria-label'), area: width * height };
      })
      .sort((a, b) => b.area - a.area),
  );
}

/** One tile is much larger than all others, and it is the one of this name. */
export function large(page, name) {
  return until(`${name} is large`, async () => {
    const shown = await tiles(page);
    const [first, second] = shown;
    if (first?.name === name && (!second || first.area > 3 * second.area)) return true;
    throw new Error(JSON.stringify(shown));
  });
}

/** No tile is much larger than another. */
export function equal(page, count) {
  return until(`${count} equal tiles`, async () => {
    const shown = await tiles(page);
    const areas = shown.map(({ area }) => Math.round(area));
    if (shown.length === count && Math.max(...areas) < 1.1 * Math.min(...areas)) return true;
    throw new Error(JSON.stringify(shown));
  });
}

/**
 * What the tile of this name shows: { kind, peer, frames, width, height, pixel }. Kind and owner are the hub's word about
 * the slot whose track the picture plays, frames is the counter of that slot's decoder, pixel is a colour at its upper
 * edge as [red, green, blue].
 */
export function picture(page, name) {
  return page.evaluate(async (wanted) => {
    const video = document.querySelector(`figure[aria-label="${wanted}"] video`);
    const [track] = video?.srcObject?.getVideoTracks() ?? [];
    if (!track) throw new Error('no picture');
    const { peers, last } = window.__spy;
    for (const peer of peers.filter(({ connectionState }) => connectionState === 'connected')) {
      const transceiver = peer.getTransceivers().find(({ receiver }) => receiver.track === track);
      if (!transceiver) continue;
      const { source } = last.slot_map.slots.find(({ mid }) => mid === transceiver.mid);
      const { kind, peer: owner } = last.sources.sources.find((each) => each.source === source);
      const stats = [...(await transceiver.receiver.getStats()).values()];
      const frames = stats.find(({ type }) => type === 'inbound-rtp').framesDecoded ?? 0;
      const canvas = Object.assign(document.createElement('canvas'), { width: 20, height: 20 });
      const pen = canvas.getContext('2d');
      pen.drawImage(video, 0, 0, 20, 20);
      const pixel = [...pen.getImageData(10, 0, 1, 1).data].slice(0, 3);
      return { kind, peer: owner, frames, width: video.videoWidth, height: video.videoHeight, pixel };
    }
    throw new Error('the picture is of no slot');
  }, name);
}

/** The tile shows a moving picture of this kind by this peer; gives what `picture` does. */
export async function moves(page, name, { kind, peer }) {
  let before;
  return until(`${name} moves`, async () => {
    const seen = await picture(page, name);
    before ??= seen.frames;
    if (seen.kind === kind && seen.peer === peer && seen.width > 0 && seen.frames > before + 3) return seen;
    throw new Error(`${JSON.stringify(seen)}, from ${before}`);
  });
}
