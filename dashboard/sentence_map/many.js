// What is asked of thousands of points at once, in typed arrays: which look the same, and which is under the pointer.
// Pure functions, as those of paint.js.
const CELLS = 64;  // of the grid, along either side

// Points sorted into looks: every pair of colour and mark, those that stand out last, so that they are drawn over the
// rest. `out` says of each point whether it stands out, `of` its group, `kind` its mark. Points of a look ascend.
function looksOf(out, of, kind, groups, marks) {
  const n = out.length, kinds = marks.length, each = groups.length * kinds;
  const ends = new Uint32Array(2 * each), order = new Uint32Array(n);
  const key = (i) => out[i] * each + of[i] * kinds + kind[i];
  for (let i = 0; i < n; i++) ends[key(i)]++;
  for (let k = 1; k < 2 * each; k++) ends[k] += ends[k - 1];
  for (let i = n - 1; i >= 0; i--) order[--ends[key(i)]] = i;
  const starts = (k) => (k < 2 * each ? ends[k] : n), looks = [], standing = [];  // the ends are beginnings by now
  for (let k = 0; k < 2 * each; k++) {
    if (starts(k) === starts(k + 1)) continue;
    const stands = k >= each, colour = groups[Math.floor((k % each) / kinds)].colour;
    looks.push({ colour, mark: marks[k % kinds], points: order.subarray(starts(k), starts(k + 1)), alpha: stands ? 0.82 : 0.09, out: stands });
  }
  for (let g = 0; g < groups.length; g++) standing.push(order.subarray(starts(each + g * kinds), starts(each + (g + 1) * kinds)));
  return { looks, standing, count: n - starts(each) };
}

// Points by the cell of a grid over [x0, y0, x1, y1] that they lie in.
function gridOf(at, box) {
  const n = at.length / 2, [x0, y0, x1, y1] = box, across = CELLS / (x1 - x0 || 1), up = CELLS / (y1 - y0 || 1);
  const within = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value)));
  const cell = (x, y) => within((y - y0) * up) * CELLS + within((x - x0) * across);
  const starts = new Uint32Array(CELLS * CELLS + 1), order = new Uint32Array(n);
  for (let i = 0; i < n; i++) starts[cell(at[2 * i], at[2 * i + 1])]++;
  for (let k = 1; k <= CELLS * CELLS; k++) starts[k] += starts[k - 1];
  for (let i = n - 1; i >= 0; i--) order[--starts[cell(at[2 * i], at[2 * i + 1])]] = i;
  return { at, starts, order, column: (x) => within((x - x0) * across), row: (y) => within((y - y0) * up) };
}

// The nearest point within `reach` of a place, of those that `counts`; null without any. Distances are measured after
// the plane's axes are stretched by `scale`, to the screen's. Of two as near, the first.
function nearestIn(grid, [x, y], reach, scale, counts) {
  let best = reach * reach, found = null;
  const [dx, dy] = [reach / scale[0], reach / scale[1]];
  for (let row = grid.row(y - dy); row <= grid.row(y + dy); row++) {
    for (let column = grid.column(x - dx); column <= grid.column(x + dx); column++) {
      const cell = row * CELLS + column;
      for (let k = grid.starts[cell]; k < grid.starts[cell + 1]; k++) {
        const i = grid.order[k], d = ((grid.at[2 * i] - x) * scale[0]) ** 2 + ((grid.at[2 * i + 1] - y) * scale[1]) ** 2;
        if ((d < best || (d === best && found !== null && i < found)) && counts(i)) { best = d; found = i; }
      }
    }
  }
  return found;
}

function sameBytes(one, other) {
  if (one === other) return true;
  if (!one || one.length !== other.length) return false;
  for (let k = 0; k < one.length; k++) if (one[k] !== other[k]) return false;
  return true;
}
