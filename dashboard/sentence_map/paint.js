// What is drawn where: pure functions of points, colours and a window. No state, no document.
const MARGIN = 14, DEEPEST = 60, READABLE = 4.5, CROSS_LINE = 1.4, GHOSTLY = 0.22;
// How points are drawn: by their marks; all as dots, since among crosses a mark may read as one; as crosses; where they were.
const STYLES = { marks: { size: 2.9 }, dots: { size: 2.9 }, crosses: { size: 2.8, crosses: true }, ghosts: { size: 1.6 } };

// A panel is {x, y, width, height, low: [x, y], high: [x, y]}: where it stands on the canvas and what of the plane it shows.
function toScreen(panel, x, y) {
  return [
    panel.x + MARGIN + ((x - panel.low[0]) / (panel.high[0] - panel.low[0] || 1)) * (panel.width - 2 * MARGIN),
    panel.y + panel.height - MARGIN - ((y - panel.low[1]) / (panel.high[1] - panel.low[1] || 1)) * (panel.height - 2 * MARGIN),
  ];
}
// The same for many points: x on the screen is left + x * across, y is bottom - y * up.
function scaled({ x, y, width, height, low, high }) {
  const across = (width - 2 * MARGIN) / (high[0] - low[0] || 1), up = (height - 2 * MARGIN) / (high[1] - low[1] || 1);
  return { left: x + MARGIN - low[0] * across, bottom: y + height - MARGIN + low[1] * up, across, up };
}
function toPlane(panel, sx, sy) {
  return [
    panel.low[0] + ((sx - panel.x - MARGIN) / (panel.width - 2 * MARGIN)) * (panel.high[0] - panel.low[0]),
    panel.low[1] + ((panel.y + panel.height - MARGIN - sy) / (panel.height - 2 * MARGIN)) * (panel.high[1] - panel.low[1]),
  ];
}

function bounds(frames, n) {
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  for (const frame of frames) for (let i = 0; i < 2 * n; i++) {
    const axis = i & 1;
    if (frame[i] < low[axis]) low[axis] = frame[i];
    if (frame[i] > high[axis]) high[axis] = frame[i];
  }
  return [low, high];
}

// The least side of a window: no closer can be looked.
const least = (whole, axis) => (whole[axis + 2] - whole[axis]) / DEEPEST;
const flat = (box, whole) => [0, 1].some((axis) => box[axis + 2] - box[axis] < least(whole, axis));
// A window is [x0, y0, x1, y1] of the plane; null: all of it. It never leaves what there is to see.
function within(box, whole) {
  const sizes = [0, 1].map((axis) => Math.min(Math.max(box[axis + 2] - box[axis], least(whole, axis)), whole[axis + 2] - whole[axis]));
  if (sizes.every((size, axis) => size >= (whole[axis + 2] - whole[axis]) * 0.999)) return null;
  const low = [0, 1].map((axis) => Math.min(Math.max(box[axis], whole[axis]), whole[axis + 2] - sizes[axis]));
  return [...low, low[0] + sizes[0], low[1] + sizes[1]];
}
// The place under the pointer stays under it.
function zoomed(box, whole, factor, at) {
  const sizes = [0, 1].map((axis) => Math.max(least(whole, axis), (box[axis + 2] - box[axis]) / factor));
  const low = [0, 1].map((axis) => at[axis] - ((at[axis] - box[axis]) / (box[axis + 2] - box[axis] || 1)) * sizes[axis]);
  return within([...low, low[0] + sizes[0], low[1] + sizes[1]], whole);
}
const shifted = (box, whole, dx, dy) => within([box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy], whole);

// Points in the plane between two computed strengths: straight lines, said so beside the scrubber.
function between(frames, k, share, n, into) {
  const from = frames[k], to = frames[Math.min(k + 1, frames.length - 1)];
  for (let i = 0; i < 2 * n; i++) into[i] = from[i] + share * (to[i] - from[i]);
  return into;
}

// Corners of a mark's outline, read once from its SVG path (M, L, H, V, Z in absolute coordinates); null for a circle.
function corners(path) {
  if (path.includes("A")) return null;
  const found = [];
  let x = 0, y = 0;
  for (const [, kind, rest] of path.matchAll(/([MLHV])([^MLHVZ]*)/g)) {
    const numbers = (rest.match(/-?\d*\.?\d+/g) || []).map(Number);
    if (kind === "H") x = numbers[0]; else if (kind === "V") y = numbers[0]; else [x, y] = numbers;
    found.push(x, y);
  }
  return found;
}

function addMark(pen, mark, x, y, size) {
  if (mark === null) { pen.moveTo(x + size * 0.8, y); pen.arc(x, y, size * 0.8, 0, 6.2832); return; }
  pen.moveTo(x + mark[0] * size, y + mark[1] * size);
  for (let i = 2; i < mark.length; i += 2) pen.lineTo(x + mark[i] * size, y + mark[i + 1] * size);
  pen.closePath();
}

function addPoint(pen, mark, crosses, x, y, size) {
  if (!crosses) { addMark(pen, mark, x, y, size); return; }
  pen.moveTo(x - size, y); pen.lineTo(x + size, y); pen.moveTo(x, y - size); pen.lineTo(x, y + size);
}

function clip(pen, panel) {
  pen.save();
  pen.beginPath(); pen.rect(panel.x, panel.y, panel.width, panel.height); pen.clip();
}
// A colour as it can be read as small type on a ground (WCAG's contrast): mixed with ink as far as it must be.
function readable(colour, ground, ink) {
  const parts = (text) => text.startsWith("#") ? [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)) : text.match(/[\d.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => rgb.reduce((sum, v, k) => sum + [0.2126, 0.7152, 0.0722][k] * (v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4), 0);
  const [from, to, on] = [colour, ink, ground].map(parts);
  const contrast = (rgb) => { const [a, b] = [light(rgb), light(on)]; return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
  for (let share = 0; share < 1; share += 0.1) {
    const mixed = from.map((v, k) => Math.round(v + share * (to[k] - v)));
    if (contrast(mixed) >= READABLE) return `rgb(${mixed})`;
  }
  return ink;
}

// One path for all points of one look: thousands of points in a few calls.
function paintPoints(pen, panel, at, looks, crosses, size) {
  const { left, bottom, across, up } = scaled(panel);
  clip(pen, panel);
  for (const { colour, mark, points, alpha } of looks) {
    pen.globalAlpha = alpha;
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = CROSS_LINE;
    pen.beginPath();
    for (let k = 0; k < points.length; k++) {
      const i = points[k];
      addPoint(pen, mark, crosses, left + at[2 * i] * across, bottom - at[2 * i + 1] * up, size);
    }
    if (crosses) pen.stroke(); else pen.fill();
  }
  pen.restore();
}

// Points of one of `STYLES`, larger by `grown`.
function paintKind(pen, kind, panel, at, looks, grown, ghosts) {
  const { size, crosses } = STYLES[kind];
  const drawn = { marks: () => looks, crosses: () => looks, dots: () => looks.map((look) => ({ ...look, mark: null })),
    ghosts: () => [{ colour: ghosts, mark: null, points: Uint32Array.from({ length: at.length / 2 }, (_, i) => i), alpha: GHOSTLY }] }[kind]();
  paintPoints(pen, panel, at, drawn, crosses, size * grown);
}

function paintNames(pen, panel, at, groups, ground, ink, rem) {
  clip(pen, panel);
  pen.font = `bold ${12 * rem}px sans-serif`; pen.textAlign = "center"; pen.lineWidth = 3;
  const taken = [], { left, bottom, across, up } = scaled(panel);
  for (const { name, colour, points } of groups) {
    let n = 0, xs = new Float32Array(points.length), ys = new Float32Array(points.length);
    for (let k = 0; k < points.length; k++) {
      const x = left + at[2 * points[k]] * across, y = bottom - at[2 * points[k] + 1] * up;
      if (x < panel.x || x > panel.x + panel.width || y < panel.y || y > panel.y + panel.height) continue;  // out of the window
      xs[n] = x; ys[n++] = y;
    }
    if (!n) continue;
    xs = xs.subarray(0, n).sort(); ys = ys.subarray(0, n).sort();
    const half = pen.measureText(name).width / 2 + 3;
    const x = Math.min(panel.x + panel.width - half, Math.max(panel.x + half, xs[xs.length >> 1]));
    let y = Math.max(panel.y + titleHeight(rem) + 13 * rem, ys[Math.floor(ys.length * 0.06)] - 6);
    while (taken.some((box) => Math.abs(box[0] - x) < box[2] + half && Math.abs(box[1] - y) < 13 * rem)) y += 13 * rem;
    taken.push([x, y, half]);
    pen.strokeStyle = ground; pen.strokeText(name, x, y);
    pen.fillStyle = readable(colour, ground, ink); pen.fillText(name, x, y);
  }
  pen.restore();
}

const titleHeight = (rem) => 24 * rem;

function paintFrame(pen, panel, title, ink, ground, rem) {
  pen.globalAlpha = 0.16; pen.strokeStyle = ink; pen.lineWidth = 1;
  pen.strokeRect(panel.x + 0.5, panel.y + 0.5, panel.width - 1, panel.height - 1);
  pen.font = `600 ${14 * rem}px sans-serif`; pen.textAlign = "left"; pen.lineWidth = 4; pen.strokeStyle = ground;
  pen.globalAlpha = 1; pen.strokeText(title, panel.x + 10, panel.y + 18 * rem);
  pen.globalAlpha = 0.9; pen.fillStyle = ink; pen.fillText(title, panel.x + 10, panel.y + 18 * rem);
  pen.globalAlpha = 1;
}

function paintLinks(pen, panel, at, from, others, colour) {
  const [x, y] = toScreen(panel, at[2 * from], at[2 * from + 1]);
  pen.globalAlpha = 0.75; pen.strokeStyle = colour; pen.lineWidth = 1.2;
  pen.beginPath();
  for (const i of others) { pen.moveTo(x, y); pen.lineTo(...toScreen(panel, at[2 * i], at[2 * i + 1])); }
  pen.stroke();
  pen.globalAlpha = 1;
}

function paintRing(pen, panel, at, i, colour, size) {
  const [x, y] = toScreen(panel, at[2 * i], at[2 * i + 1]);
  pen.strokeStyle = colour; pen.lineWidth = 2;
  pen.beginPath(); pen.arc(x, y, size, 0, 6.2832); pen.stroke();
}

function paintBrush(pen, panel, box, colour) {
  const [ax, ay] = toScreen(panel, box[0], box[1]), [bx, by] = toScreen(panel, box[2], box[3]);
  pen.fillStyle = pen.strokeStyle = colour; pen.lineWidth = 1.5;
  pen.globalAlpha = 0.1; pen.fillRect(Math.min(ax, bx), Math.min(ay, by), Math.abs(bx - ax), Math.abs(by - ay));
  pen.globalAlpha = 0.9; pen.strokeRect(Math.min(ax, bx), Math.min(ay, by), Math.abs(bx - ax), Math.abs(by - ay));
  pen.globalAlpha = 1;
}
