// What is drawn where: pure functions of points, colours and a window. No state, no document.
const MARGIN = 14;

// A panel is {x, y, width, height, low: [x, y], high: [x, y]}: where it stands on the canvas and what of the plane it shows.
function toScreen(panel, x, y) {
  return [
    panel.x + MARGIN + ((x - panel.low[0]) / (panel.high[0] - panel.low[0] || 1)) * (panel.width - 2 * MARGIN),
    panel.y + panel.height - MARGIN - ((y - panel.low[1]) / (panel.high[1] - panel.low[1] || 1)) * (panel.height - 2 * MARGIN),
  ];
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

// One path for all points of one look: thousands of points in a few calls.
function paintPoints(pen, panel, at, looks, crosses, size) {
  pen.save();
  pen.beginPath(); pen.rect(panel.x, panel.y, panel.width, panel.height); pen.clip();
  for (const { colour, mark, points, alpha } of looks) {
    pen.globalAlpha = alpha;
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 1.4;
    pen.beginPath();
    for (const i of points) {
      const [x, y] = toScreen(panel, at[2 * i], at[2 * i + 1]);
      if (crosses) { pen.moveTo(x - size, y); pen.lineTo(x + size, y); pen.moveTo(x, y - size); pen.lineTo(x, y + size); }
      else addMark(pen, mark, x, y, size);
    }
    if (crosses) pen.stroke(); else pen.fill();
  }
  pen.restore();
}

function paintNames(pen, panel, at, groups, ground) {
  pen.save();
  pen.beginPath(); pen.rect(panel.x, panel.y, panel.width, panel.height); pen.clip();
  pen.font = "bold 12px sans-serif"; pen.textAlign = "center"; pen.lineWidth = 3;
  const taken = [];
  for (const { name, colour, points } of groups) {
    const xs = [], ys = [];
    for (const i of points) { const [x, y] = toScreen(panel, at[2 * i], at[2 * i + 1]); xs.push(x); ys.push(y); }
    if (!xs.length) continue;
    xs.sort((a, b) => a - b); ys.sort((a, b) => a - b);
    const half = pen.measureText(name).width / 2 + 3;
    const x = Math.min(panel.x + panel.width - half, Math.max(panel.x + half, xs[xs.length >> 1]));
    let y = Math.max(panel.y + 13, ys[Math.floor(ys.length * 0.06)] - 6);
    while (taken.some((box) => Math.abs(box[0] - x) < box[2] + half && Math.abs(box[1] - y) < 13)) y += 13;
    taken.push([x, y, half]);
    pen.strokeStyle = ground; pen.strokeText(name, x, y);
    pen.fillStyle = colour; pen.fillText(name, x, y);
  }
  pen.restore();
}

function paintFrame(pen, panel, title, ink) {
  pen.globalAlpha = 0.16; pen.strokeStyle = ink; pen.lineWidth = 1;
  pen.strokeRect(panel.x + 0.5, panel.y + 0.5, panel.width - 1, panel.height - 1);
  pen.globalAlpha = 0.85; pen.fillStyle = ink; pen.font = "600 13px sans-serif"; pen.textAlign = "left";
  pen.fillText(title, panel.x + 10, panel.y + panel.height - 10);
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
