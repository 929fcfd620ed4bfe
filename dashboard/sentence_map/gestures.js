// What pointer, wheel, fingers and keys do on a map's canvas. ``map`` is what `map.js` has of it: what is chosen, what is
// under way, and what moves, chooses and tells.
const SWIPE = 10;  // pixels that a finger moves before it taps nothing

function listenTo(canvas, map) {
  const { state, hand, whole, out, motion, points, position, seen, look, closer, aside, nearest, tell, hideTip, sort, ask, changed } = map;
  const n = out.length;
  const spot = (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const side = map.panels.findIndex((p) => x >= p.x && x <= p.x + p.width && y >= p.y && y <= p.y + p.height);
    return [x, y, side];
  };
  // What is seen once a hand has moved by so many pixels: what it took hold of stays under it.
  const under = ([ax, ay, bx, by], side, x, y) => {
    const across = map.panels[side].width - 2 * MARGIN, up = map.panels[side].height - 2 * MARGIN;
    return shifted([ax, ay, bx, by], whole, (-x / across) * (bx - ax), (y / up) * (by - ay));
  };
  canvas.onpointerdown = (event) => {
    const [x, y, side] = spot(event);
    if (side < 0 || event.button || hand.pinch) return;
    const touch = event.pointerType === "touch";
    hand.drag = { x, y, side, brushes: touch ? hand.picks : !event.shiftKey, shifts: !touch && event.shiftKey, from: seen(), moved: false };
    if (!touch) canvas.setPointerCapture(event.pointerId);
  };
  canvas.onpointermove = (event) => {
    const [x, y, side] = spot(event), { drag } = hand;
    if (drag && drag.brushes && (drag.moved || Math.hypot(x - drag.x, y - drag.y) > 5)) {
      drag.moved = true;
      const panel = map.panels[drag.side];
      state.brush = { panel: drag.side, box: [...toPlane(panel, drag.x, drag.y), ...toPlane(panel, x, y)].map((v) => Math.round(v * 1e3) / 1e3),
        strength: motion ? Math.round(position() * 1e4) / 1e4 : null };
      if (!map.slow) sort();  // else once the pointer is up
      ask();
      return;
    }
    if (drag && drag.shifts) {
      drag.moved = true;
      look(under(drag.from, drag.side, x - drag.x, y - drag.y));
      return;
    }
    if (event.pointerType === "touch") {  // a swipe is no tap, and a finger hovers over nothing
      if (drag && Math.hypot(x - drag.x, y - drag.y) > SWIPE) drag.moved = true;
      return;
    }
    const was = state.hovered;
    state.hovered = side < 0 ? null : nearest(x, y, side);
    if (state.hovered === null) hideTip(); else tell(state.hovered, side);
    if (was !== state.hovered) ask();
  };
  canvas.onpointerup = (event) => {
    if (!hand.drag) return;
    const [x, y, side] = spot(event), made = hand.drag;
    hand.drag = null;
    if (!made.brushes && made.moved) return;
    if (!made.moved) {
      if (side < 0) return;
      const hit = nearest(x, y, side);
      if (hit === null && state.brush) state.brush = null;
      state.pinned = hit === state.pinned ? null : hit;
      if (hit !== null && (state.pinned === hit || event.pointerType !== "touch")) tell(hit, side); else hideTip();
    }
    changed();
  };
  canvas.onpointercancel = () => {  // what is drawn by then is chosen
    const made = hand.drag;
    hand.drag = null;
    if (made && made.brushes && made.moved) changed();
  };
  // The wheel alone scrolls the page; with Ctrl, which is also what a pinch on a touchpad is, it zooms.
  canvas.onwheel = (event) => {
    const [x, y, side] = spot(event);
    if (side < 0 || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    closer(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * 0.01), toPlane(map.panels[side], x, y));
  };
  const fingers = ({ touches: [a, b] }) => {
    const [x, y, side] = spot({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
    return { x, y, side, apart: Math.max(20, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)) };
  };
  canvas.ontouchstart = (event) => {
    if (event.touches.length !== 2) return;
    const made = fingers(event);
    if (made.side < 0) return;
    hand.pinch = { ...made, from: seen(), at: toPlane(map.panels[made.side], made.x, made.y) };
    hand.drag = null;
    event.preventDefault();
  };
  canvas.ontouchmove = (event) => {
    if (!hand.pinch || event.touches.length !== 2) return;
    event.preventDefault();
    const now = fingers(event), box = zoomed(hand.pinch.from, whole, now.apart / hand.pinch.apart, hand.pinch.at) || whole;
    look(under(box, hand.pinch.side, now.x - hand.pinch.x, now.y - hand.pinch.y));
  };
  canvas.ontouchend = canvas.ontouchcancel = (event) => { if (event.touches.length < 2) hand.pinch = null; };
  canvas.onpointerleave = ({ pointerType }) => {  // a finger leaves when it is lifted: what it tapped is read then
    if (pointerType !== "touch") { state.hovered = null; hideTip(); ask(); }
  };
  canvas.onkeydown = (event) => {
    if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key.startsWith("Arrow"))) return;  // the browser's own
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const pan = event.shiftKey && { ArrowRight: [0.15, 0], ArrowLeft: [-0.15, 0], ArrowUp: [0, 0.15], ArrowDown: [0, -0.15] }[event.key];
    const lens = !event.ctrlKey && !event.metaKey && { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 1 / DEEPEST }[event.key];
    if (pan || lens) {
      event.preventDefault();
      if (pan) aside(...pan); else closer(lens);
      return;
    }
    if (event.key === "Escape") {  // lets go of the sentence, then of the brush
      if (state.pinned === null) state.brush = null;
      state.pinned = null;
      hideTip();
      changed();
    }
    if (!step) return;
    event.preventDefault();
    if (!map.standing) return;
    let next = state.pinned !== null && out[state.pinned] ? state.pinned : step > 0 ? -1 : n;
    do next = (next + step + n) % n; while (!out[next]);
    state.pinned = next;
    const [x, y] = [points[2 * state.pinned], points[2 * state.pinned + 1]], [ax, ay, bx, by] = seen();
    if (x < ax || x > bx || y < ay || y > by) look(shifted(seen(), whole, x - (ax + bx) / 2, y - (ay + by) / 2));
    tell(state.pinned, 0);
    changed();
  };
}
