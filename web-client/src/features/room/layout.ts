// From the room to tiles: who is shown, how large and where. Pure, so that every case is a test.
import type { MemberView, PeerId, SlotRequest, SourceId, SourceView } from '../../shared/wire.gen';
import type { RoomModel } from './model';

export type TileKind = 'camera' | 'screen';

/** Somebody's picture (or, without a source, their name). */
export type Tile = {
  /** `peer:kind`, stable through muting. */
  id: string;
  peer: PeerId;
  kind: TileKind;
  source: SourceId | undefined;
  /** One's own picture: drawn from the device, costs no slot. */
  own: boolean;
};

export type Rect = { x: number; y: number; width: number; height: number };
export type Place = 'large' | 'small' | 'corner';
export type PlacedTile = Tile & { rect: Rect; place: Place };
export type Mode = 'grid' | 'speaker';

export type View = {
  mode: Mode;
  pinned: string | undefined;
  hideSelf: boolean;
  page: number;
};
export type Size = { width: number; height: number };
export type Layout = { tiles: PlacedTile[]; page: number; pages: number };

const GAP = 8;
const RATIO = 16 / 9;
/** DOMAIN 2.5: a conference shows nine tiles. */
const PER_PAGE = 9;

/** Who belongs on the stage: everybody who may be seen, the audience of a webinar not. */
export function tilesOf(model: RoomModel, hideSelf: boolean): Tile[] {
  const form = model.room?.form;
  if (form === undefined || form === 'chat') return [];
  const video = new Map<PeerId, SourceView[]>();
  for (const source of model.sources) {
    if (source.kind !== 'camera' && source.kind !== 'screen') continue;
    const list = video.get(source.peer) ?? [];
    list.push(source);
    video.set(source.peer, list);
  }
  const tiles: Tile[] = [];
  for (const member of model.members.values()) {
    const own = member.peer === model.peer;
    const sources = video.get(member.peer) ?? [];
    const camera = sources.find((source) => source.kind === 'camera' && !source.muted);
    const screen = sources.find((source) => source.kind === 'screen' && !source.muted);
    if (onStage(member, form, sources.length > 0) && !(own && hideSelf))
      tiles.push({ id: `${member.peer}:camera`, peer: member.peer, kind: 'camera', source: camera?.source, own });
    // One's own screen is not shown back: a hall of mirrors.
    if (screen && !own)
      tiles.push({ id: `${member.peer}:screen`, peer: member.peer, kind: 'screen', source: screen.source, own });
  }
  return tiles;
}

function onStage(member: MemberView, form: string, hasVideo: boolean): boolean {
  if (member.seat === 'watcher' || member.role === 'observer') return false;
  if (member.seat === 'publisher') return hasVideo;
  if (form !== 'webinar') return true;
  return member.role === 'host' || member.role === 'cohost' || member.promoted;
}

export function layout(model: RoomModel, view: View, size: Size): Layout {
  const tiles = tilesOf(model, view.hideSelf);
  if (tiles.length === 0 || size.width <= 0 || size.height <= 0) return { tiles: [], page: 0, pages: 1 };
  const large = largeTile(tiles, model, view);
  return large ? speaker(tiles, large, view, size) : grid(tiles, model, view, size);
}

/** The tile that fills the stage; none in a grid without a screen or a pin. */
function largeTile(tiles: readonly Tile[], model: RoomModel, view: View): Tile | undefined {
  const pinned = tiles.find((tile) => tile.id === view.pinned);
  if (pinned) return pinned;
  const screen = tiles.find((tile) => tile.kind === 'screen');
  if (screen) return screen;
  if (view.mode === 'grid') return undefined;
  const others = tiles.filter((tile) => !tile.own);
  const roleOf = (tile: Tile) => model.members.get(tile.peer)?.role;
  return (
    others.find((tile) => tile.peer === model.lastSpeaker) ??
    others.find((tile) => roleOf(tile) === 'host') ??
    others[0] ??
    tiles[0]
  );
}

function grid(tiles: readonly Tile[], model: RoomModel, view: View, size: Size): Layout {
  // Hosts first, then who has a picture; oneself last, as a mirror in the corner of the room.
  const rank = (tile: Tile): number => {
    const role = model.members.get(tile.peer)?.role;
    if (tile.own) return 3;
    if (role === 'host' || role === 'cohost') return 0;
    return tile.source ? 1 : 2;
  };
  const ordered = [...tiles].sort((a, b) => rank(a) - rank(b));
  const own = ordered.at(-1);
  if (own?.own && ordered.length > PER_PAGE) {
    // With many pages one still sees oneself on the first.
    ordered.pop();
    ordered.splice(PER_PAGE - 1, 0, own);
  }
  const pages = Math.ceil(ordered.length / PER_PAGE);
  const page = Math.min(Math.max(0, view.page), pages - 1);
  const shown = ordered.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
  const rects = packed(shown.length, size);
  return {
    tiles: shown.map((tile, n) => ({ ...tile, place: 'small', rect: rects[n] ?? EMPTY })),
    page,
    pages,
  };
}

const EMPTY: Rect = { x: 0, y: 0, width: 0, height: 0 };

/** Equal tiles of 16:9 (down to 4:3, on a phone held upright to a square) as large as they can be, rows centred. */
function packed(count: number, size: Size): Rect[] {
  // Faces survive a squarer frame; wasted space on a phone does not help them.
  const narrowest = size.width < size.height ? 1 : 4 / 3;
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (size.width - GAP * (columns - 1)) / columns;
    const cellHeight = (size.height - GAP * (rows - 1)) / rows;
    const width = Math.min(cellWidth, cellHeight * RATIO);
    const height = Math.min(cellHeight, width / narrowest);
    if (width * height > best.width * best.height) best = { columns, width, height };
  }
  const rows = Math.ceil(count / best.columns);
  const top = (size.height - rows * best.height - GAP * (rows - 1)) / 2;
  return Array.from({ length: count }, (_, n) => {
    const row = Math.floor(n / best.columns);
    const inRow = Math.min(best.columns, count - row * best.columns);
    const left = (size.width - inRow * best.width - GAP * (inRow - 1)) / 2;
    return {
      x: Math.round(left + (n % best.columns) * (best.width + GAP)),
      y: Math.round(top + row * (best.height + GAP)),
      width: Math.floor(best.width),
      height: Math.floor(best.height),
    };
  });
}

/** One large tile and a strip of the others; beside a screen, its presenter's face stands in the corner. */
function speaker(tiles: readonly Tile[], large: Tile, view: View, size: Size): Layout {
  const face =
    large.kind === 'screen'
      ? tiles.find((tile) => tile.peer === large.peer && tile.kind === 'camera' && tile.source)
      : undefined;
  const rest = tiles.filter((tile) => tile !== large && tile !== face);
  const upright = size.width < size.height * 1.1;
  const stripTile = upright
    ? { width: Math.min(132, (size.width - GAP * 2) / 3), height: 88 }
    : { width: Math.min(200, size.width * 0.2), height: Math.min(200, size.width * 0.2) / RATIO };
  const room = upright ? size.width : size.height;
  const step = (upright ? stripTile.width : stripTile.height) + GAP;
  // The large tile and the face take a slot each.
  const fit = Math.max(1, Math.min(PER_PAGE - 2, Math.floor((room + GAP) / step)));
  const pages = Math.max(1, Math.ceil(rest.length / fit));
  const page = Math.min(Math.max(0, view.page), pages - 1);
  const shown = rest.slice(page * fit, (page + 1) * fit);
  const strip = rest.length > 0;
  const area: Rect = {
    x: 0,
    y: 0,
    width: Math.floor(strip && !upright ? size.width - stripTile.width - GAP : size.width),
    height: Math.floor(strip && upright ? size.height - stripTile.height - GAP : size.height),
  };
  const placed: PlacedTile[] = [{ ...large, place: 'large', rect: area }];
  if (face) {
    const width = Math.round(Math.max(96, Math.min(220, area.width * 0.2)));
    const height = Math.round(width / RATIO);
    placed.push({
      ...face,
      place: 'corner',
      rect: { x: area.width - width - 12, y: area.height - height - 12, width, height },
    });
  }
  for (const [n, tile] of shown.entries()) {
    placed.push({
      ...tile,
      place: 'small',
      rect: {
        x: Math.round(upright ? n * step : area.width + GAP),
        y: Math.round(upright ? area.height + GAP : n * step),
        width: Math.floor(stripTile.width),
        height: Math.floor(stripTile.height),
      },
    });
  }
  return { tiles: placed, page, pages };
}

/** Heights that are asked for: few steps, so that a small resize changes no layer. */
const HEIGHTS = [90, 180, 360, 540, 720, 1080];

export function heightToAsk(height: number, pixelRatio: number): number {
  const wanted = height * Math.min(2, pixelRatio);
  return HEIGHTS.find((step) => step >= wanted) ?? 1080;
}

/**
 * Which slot shall carry what. A source that has a slot keeps it, so that its picture does not jump; what no longer is
 * on the screen gives its slot back. Sources beyond the slots (there are none while a page fits) stay without.
 */
export function wishes(
  tiles: readonly PlacedTile[],
  mids: readonly string[],
  before: readonly SlotRequest[],
  pixelRatio: number,
): SlotRequest[] {
  const wanted = new Map<SourceId, number>();
  for (const tile of tiles) {
    if (!tile.source || tile.own) continue;
    const height = heightToAsk(tile.rect.height, pixelRatio);
    wanted.set(tile.source, Math.max(height, wanted.get(tile.source) ?? 0));
  }
  const slots: SlotRequest[] = mids.map((mid) => {
    const source = before.find((slot) => slot.mid === mid)?.source;
    const height = source === undefined ? undefined : wanted.get(source);
    if (source === undefined || height === undefined) return { mid, max_height: 0 };
    wanted.delete(source);
    return { mid, source, max_height: height };
  });
  // The largest first, should slots run out.
  const rest = [...wanted].sort((a, b) => b[1] - a[1]);
  for (const [source, height] of rest) {
    const free = slots.findIndex((slot) => slot.source === undefined);
    const mid = slots[free]?.mid;
    if (mid === undefined) break;
    // A whole new one: the same wishes must read the same, key by key.
    slots[free] = { mid, source, max_height: height };
  }
  return slots;
}
