// Points at computed strengths come from Python once; colouring, finding, brushing and moving are done here. What is chosen
// is told to Python (for the table below and the link), and where the scrubber rests; not while it moves.
let gpu;  // undefined until a map of many points is drawn; null where there is none

const REACH = 9, MANY = 3000, SLOW = 50, KEPT = new WeakMap(), SAY_AFTER = 250, DOT = "M.8,0A.8,.8,0,1,1,-.8,0A.8,.8,0,1,1,.8,0Z";

export default function (component) {
  // Streamlit calls this whenever the page's script has run, mostly with what the map has already: then it stays as it
  // is, with what a visitor is in the middle of.
  const root = component.parentElement.querySelector(".map"), old = KEPT.get(root);
  if (old && !old.stopped() && sameBytes(old.bytes, component.data)) { old.again(component.setStateValue); return ends(old); }
  const data = unpack(component.data), one = (name) => root.querySelector(name);
  const canvas = one("canvas"), range = one("input[type=range]"), output = one("output"), tip = one(".tip"), play = one(".play");
  const find = one(".find"), count = one(".count"), colour = one(".colour"), legend = one(".legend");
  const { strengths, frames, languages, language, row, meaning, colourings, ranks, layout, initial } = data;
  const n = language.length, last = strengths.length - 1, motion = layout === "motion";
  if (gpu === undefined && n >= MANY) gpu = root.dataset.painter === "canvas" ? null : pointPainter(root.dataset.painter === "webgl");
  if (old) old.stop();
  const state = old ? old.state : { ...initial, hovered: null };
  const hand = old ? old.hand : { drag: null, pinch: null, playing: null, unsaid: false, picks: false };  // what is under way
  if (state.pinned >= n) state.pinned = null;
  if (state.brush && (state.brush.panel > (motion ? 0 : 1) || (state.brush.strength === null) === motion)) state.brush = null;
  const at = [new Float32Array(2 * n), new Float32Array(2 * n)], grids = [null, null], [low, high] = bounds(frames, n);
  const shapes = [...new Set(languages.map((each) => each.shape))], marks = shapes.map(corners);
  const kind = Uint8Array.from(language, (number) => shapes.indexOf(languages[number].shape));
  let texts = null, meanings = null, lower = null, matching = { find: "" }, stopped = false, setStateValue = component.setStateValue;
  const whole = [low[0], low[1], high[0], high[1]], out = new Uint8Array(n), base = document.createElement("canvas");
  let width = 0, height = 0, panels = [], looks = [], names = [], standing = 0, lit = [], asked = false, moving = 0, saying = 0;
  let laid = "", based = null, cost = 0;  // where points lie by now, what `base` shows, and how long it took to paint

  const paint = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const position = () => strengths[0] + (range.value / 1000) * (strengths[last] - strengths[0]);
  const place = (strength) => {
    if (!motion) return [0, 0];
    const along = (strength - strengths[0]) / (strengths[last] - strengths[0] || 1);
    let k = 0;
    while (k < last - 1 && along > (strengths[k + 1] - strengths[0]) / (strengths[last] - strengths[0])) k++;
    // A brush may have been made at a strength that this setting does not reach: it is that of the nearest end.
    const share = Math.min(1, Math.max(0, (strength - strengths[k]) / (strengths[k + 1] - strengths[k])));
    return Math.abs(share) < 0.004 ? [k, 0] : Math.abs(1 - share) < 0.004 ? [k, 1] : [k, share];
  };

  // -- what is chosen ------------------------------------------------------------------------------------------------
  // In motion a brush holds the points that lay in it at its strength, wherever they go from there.
  const held = () => {
    if (!state.brush) return null;
    if (!motion) return at[state.brush.panel];
    const [k, share] = place(state.brush.strength);
    return between(frames, k, share, n, new Float32Array(2 * n));
  };
  const coloured = () => colourings.find((each) => each.name === state.colour) || colourings[0];
  const bright = (i) => lit[coloured().of[i]];
  // Which sentences hold the words: looked for once for each wording.
  function matches() {
    if (!state.find || !texts) return null;
    if (matching.find !== state.find) {
      lower ||= texts.map((text, i) => `${text}\n${meanings[meaning[i]]}`.toLowerCase());
      const words = state.find.toLowerCase();
      matching = { find: state.find, held: Uint8Array.from(lower, (text) => text.includes(words)) };
    }
    return matching.held;
  }
  function sort() {
    const { groups, of } = coloured(), p = held(), hold = matches(), [ax, ay, bx, by] = state.brush ? around(state.brush.box) : [];
    lit = groups.map(({ name }) => !state.shown.length || state.shown.includes(name));
    for (let i = 0; i < n; i++) {
      const x = p && p[2 * i], y = p && p[2 * i + 1];
      out[i] = lit[of[i]] && (!hold || hold[i]) && (!p || (x >= ax && x <= bx && y >= ay && y <= by)) ? 1 : 0;
    }
    const sorted = looksOf(out, of, kind, groups, marks);
    ({ looks, count: standing } = sorted);
    names = groups.map(({ title, colour }, g) => ({ name: title, colour, points: sorted.standing[g] }));
    if (!(hand.drag && hand.drag.moved)) tools();
  }
  // Not while a pointer is drawing: a button that appears may wrap the line and move the map from under it.
  function tools() {
    const some = state.find || state.brush || state.shown.length;
    count.textContent = some ? `${standing.toLocaleString("en")} of ${n.toLocaleString("en")} sentences` : "";
    one(".zoom").hidden = !state.brush || aim().join() === seen().join();
    one(".whole").hidden = !(some || state.pinned !== null);
  }
  // What a zoom on the brush shows: as little of the plane as can be looked at, where it is less than that.
  const aim = () => {
    const box = around(state.brush.box);
    return flat(box, whole) ? within(box, whole) || whole : box;
  };
  const around = (box) => [Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.max(box[0], box[2]), Math.max(box[1], box[3])];
  function say() {
    clearTimeout(saying);
    hand.unsaid = true;
    saying = setTimeout(() => {
      hand.unsaid = false;
      const { colour, find, shown, pinned, brush, window, strength = null } = state;
      setStateValue("view", { colour, find, shown, pinned, brush, strength, window: window && window.map((v) => Math.round(v * 1e3) / 1e3) });
    }, SAY_AFTER);
  }
  // Both panels show one window of the plane.
  function look(box) {
    show(box);
    say();
  }
  function show(box) {
    state.window = box;
    tip.hidden = true;
    one(".out").disabled = one(".reset").hidden = !box;
    root.dataset.window = box ? box.map((v) => v.toFixed(3)).join() : "";
    arrange(); sort(); ask();
  }
  const seen = () => state.window || whole, middle = () => { const [ax, ay, bx, by] = seen(); return [(ax + bx) / 2, (ay + by) / 2]; };
  const closer = (factor, at = middle()) => look(zoomed(seen(), whole, factor, at));
  const aside = (x, y) => look(shifted(seen(), whole, x * (seen()[2] - seen()[0]), y * (seen()[3] - seen()[1])));
  const changed = () => { sort(); ask(); say(); };

  // -- drawing -------------------------------------------------------------------------------------------------------
  function arrange() {
    const two = layout === "pair", narrow = width < 640, box = state.window || whole;
    const each = two && !narrow ? (width - 12) / 2 : width;
    const most = data.plays ? 0.34 * innerHeight : two ? Math.min(460, 0.39 * innerHeight) : 600;  // a tour's card, or a summary, takes the rest
    const tall = Math.round(Math.min(most, Math.max(280, each * (two ? 0.72 : 0.56))));
    height = two && narrow ? 2 * tall + 12 : tall;
    const panel = (k) => ({ x: two && !narrow ? k * (each + 12) : 0, y: two && narrow ? k * (tall + 12) : 0,
      width: each, height: tall, low: [box[0], box[1]], high: [box[2], box[3]] });
    panels = two ? [panel(0), panel(1)] : [panel(0)];
  }
  // Points to where they lie at the scrubber's strength.
  function lay() {
    const [k, share] = place(position());
    if (laid === `${k} ${share}`) return;
    between(frames, motion ? k : 0, motion ? share : 0, n, at[0]);
    if (!laid) between(frames, last, 0, n, at[1]);
    laid = `${k} ${share}`;
    grids[0] = null;
  }
  // All but what follows the pointer, on a canvas of its own: while nothing of it changes, it is copied.
  function paintBase(scale, ink, ground, rem) {
    const about = [looks, laid, scale, ink, ground, rem, width, height, ...seen()];
    if (based && about.every((value, k) => value === based[k])) return;
    const began = performance.now(), pen = base.getContext("2d");
    base.width = canvas.width;
    base.height = canvas.height;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const grown = Math.min(2, ((whole[2] - whole[0]) / (seen()[2] - seen()[0] || 1)) ** 0.3);  // closer, points are larger
    const put = (...what) => {
      if (n >= MANY && gpu && !gpu(pen, ...what, looks, grown, data.ghosts)) gpu = null;
      if (n < MANY || !gpu) paintKind(pen, ...what, looks, grown, data.ghosts);
    };
    panels.forEach((panel, side) => {
      if (layout === "pair" && side === 1) put("ghosts", panel, at[0]);
      put(layout === "together" ? "dots" : "marks", panel, at[side]);
      if (layout === "together") put("crosses", panel, at[1]);
      const few = names.filter((each) => each.points.length).length <= 4;  // in one cloud, many names say nothing
      if (data.named.includes(coloured().name) && (side === 0 || few)) paintNames(pen, panel, at[side], names, ground, ink, rem);
      paintFrame(pen, panel, { pair: data.titles[side], together: "Dots: before · crosses: after", motion: "" }[layout], ink, ground, rem);
    });
    based = about;
    cost = performance.now() - began;
  }
  function render() {
    asked = false;
    const ink = paint("--st-text-color") || "#333", ground = paint("--st-background-color") || "#fff";
    const pen = canvas.getContext("2d"), scale = window.devicePixelRatio || 1, [k, share] = place(position());
    if (canvas.width !== Math.floor(width * scale)) { size(); return; }  // on another screen by now
    lay();
    paintBase(scale, ink, ground, parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(base, 0, 0);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    panels.forEach((panel, side) => {
      const there = state.brush && (layout === "together" || state.brush.panel === side) && (!motion || Math.abs(state.brush.strength - position()) < 0.004);
      clip(pen, panel);
      if (there && around(state.brush.box).join() !== seen().join()) paintBrush(pen, panel, state.brush.box, ink);
      for (const i of new Set([state.pinned, state.hovered])) {
        if (i === null) continue;
        if (i === state.pinned) paintLinks(pen, panel, at[side], i, translations(i), ink);
        paintRing(pen, panel, at[side], i, ink, 6);
        if (layout === "together") paintRing(pen, panel, at[1], i, ink, 6);
      }
      pen.restore();
    });
    if (motion) {
      const exact = share === 0 || share === 1, number = position().toFixed(2).replace(/\.?0+$/, "") || "0";
      output.textContent = exact ? `strength ${strengths[share ? k + 1 : k]}: computed`
        : `strength ${number}: between ${strengths[k]} and ${strengths[k + 1]}, drawn straight`;
      root.dataset.strength = number;
      range.setAttribute("aria-valuetext", output.textContent);
    }
    root.dataset.painter = n >= MANY && gpu ? "webgl" : "canvas";
    root.dataset.frames = String(Number(root.dataset.frames || 0) + 1);
    root.dataset.chosen = String(standing);
  }
  function translations(i) {
    const others = [];
    for (let j = 0; j < n; j++) if (row[j] === row[i] && j !== i) others.push(j);
    return others;
  }
  const ask = () => { if (!asked) { asked = true; requestAnimationFrame(render); } };

  function tell(i, side) {
    const piece = (kind, text) => { const made = document.createElement(kind); made.textContent = text; made.dir = "auto"; return made; };
    const rank = ranks ? `${language[i] === data.target ? "median rank of its translations over languages" : "rank of its translation"}: ${ranks[0][i]} before, ${ranks[1][i]} after` : "";
    tip.replaceChildren(piece("b", languages[language[i]].name), piece("span", texts ? texts[i] : "…"), piece("small", texts ? meanings[meaning[i]] : ""), piece("small", rank));
    tip.hidden = false;
    const [x, y] = toScreen(panels[side], at[side][2 * i], at[side][2 * i + 1]);
    tip.style.left = `${Math.max(0, Math.min(x + 12, width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.min(y + 12, height - 10)}px`;
  }
  // -- gestures, controls --------------------------------------------------------------------------------------------
  function nearest(x, y, side) {
    const { across, up } = scaled(panels[side]);
    lay();
    grids[side] ||= gridOf(at[side], whole);
    return nearestIn(grids[side], toPlane(panels[side], x, y), REACH, [across, up], bright);
  }
  listenTo(canvas, {
    state, hand, whole, out, motion, position, seen, look, closer, aside, nearest, tell, sort, ask, changed,
    points: at[0], hideTip: () => { tip.hidden = true; },
    get panels() { return panels; }, get standing() { return standing; }, get slow() { return cost >= SLOW; },
  });
  if (find.value.trim() !== state.find) find.value = state.find;  // a space at its end may have a word to come
  find.oninput = () => { state.find = find.value.trim(); changed(); };
  colour.replaceChildren(...colourings.map((each) => new Option(each.title, each.name, false, each.name === coloured().name)));
  colour.onchange = () => { state.colour = colour.value; state.shown = []; chips(); changed(); };
  one(".zoom").onclick = () => look(aim());
  // A finger scrolls the page, unless it is to choose.
  const pick = one(".pick"), picks = (on) => {
    hand.picks = on;
    pick.setAttribute("aria-pressed", String(on));
    canvas.style.touchAction = on ? "none" : "";
  };
  pick.hidden = !navigator.maxTouchPoints;
  pick.onclick = () => picks(!hand.picks);
  picks(hand.picks);
  one(".in").onclick = () => closer(1.5);
  one(".out").onclick = () => closer(1 / 1.5);
  one(".reset").onclick = () => look(null);
  one(".whole").onclick = () => {
    Object.assign(state, { brush: null, pinned: null, find: "", shown: [] });
    find.value = "";
    look(null); chips(); changed();
  };
  function chips() {
    const used = coloured(), focused = [...legend.children].indexOf(root.getRootNode().activeElement);
    legend.replaceChildren(...used.groups.map((group) => {
      const button = document.createElement("button"), mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      mark.setAttribute("viewBox", "-1.2 -1.2 2.4 2.4"); mark.setAttribute("aria-hidden", "true");
      path.setAttribute("d", layout === "together" ? DOT : group.shape); path.setAttribute("fill", group.colour);
      mark.append(path);
      button.type = "button"; button.append(mark, group.title);
      button.setAttribute("aria-pressed", String(state.shown.includes(group.name)));
      button.onclick = () => {
        state.shown = state.shown.includes(group.name) ? state.shown.filter((name) => name !== group.name) : [...state.shown, group.name];
        button.setAttribute("aria-pressed", String(state.shown.includes(group.name)));
        changed();
      };
      return button;
    }));
    if (focused >= 0) legend.children[focused]?.focus();
  }
  // -- motion --------------------------------------------------------------------------------------------------------
  one(".motion").hidden = !motion;
  function step(now) {
    if (!moving) return;
    const { from, start } = hand.playing, gone = Math.min(1, Math.max(0, (now - start) / 3000));
    range.value = String(Math.round(1000 * (from < 500 ? gone : 1 - gone)));
    render();
    if (gone < 1) moving = requestAnimationFrame(step); else rest();
  }
  const halt = () => { cancelAnimationFrame(moving); moving = 0; hand.playing = null; play.dataset.moves = ""; };
  const rest = () => { halt(); state.strength = Math.round(position() * 1e4) / 1e4; say(); };
  const begin = (from = Number(range.value), start = performance.now()) => {
    play.dataset.moves = "1";
    hand.playing = { from, start };
    moving = requestAnimationFrame(step);
  };
  play.onclick = () => { if (moving) rest(); else begin(); };
  range.oninput = () => { rest(); ask(); };
  one(".ticks").replaceChildren(...(motion ? strengths : []).map((strength) => {
    const tick = document.createElement("span");
    tick.style.left = `${(100 * (strength - strengths[0])) / (strengths[last] - strengths[0])}%`;
    tick.textContent = `\u25B4 ${strength}`;
    return tick;
  }));
  const resting = state.strength ?? state.brush?.strength ?? null;
  if (motion && resting !== null && !hand.playing) range.value = String(Math.round((1000 * (resting - strengths[0])) / (strengths[last] - strengths[0])));
  canvas.setAttribute("aria-label", data.alt);
  root.inert = data.still;
  function size() {
    width = Math.max(200, Math.floor(root.clientWidth));
    arrange();
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    lay();
    sort();
    render();
  }
  const watch = new ResizeObserver(size);
  watch.observe(root);
  chips();
  size();
  show(state.window && shifted(state.window, whole, 0, 0));
  if (hand.playing && motion) begin(hand.playing.from, hand.playing.start);
  else if (!old && motion && data.plays && !matchMedia("(prefers-reduced-motion: reduce)").matches) begin();
  if (hand.unsaid) say();
  data.words().then((words) => {
    if (stopped) return;
    [texts, meanings] = words;
    if (state.find) { sort(); ask(); }
  });
  const stop = () => { stopped = true; watch.disconnect(); cancelAnimationFrame(moving); moving = 0; clearTimeout(saying); };
  const again = (set) => { setStateValue = set; ask(); };  // the theme may have changed
  const kept = { state, hand, bytes: component.data, stop, again, stopped: () => stopped };
  KEPT.set(root, kept);
  return ends(kept);
}

// What Streamlit calls when it is done with a call of the above: maybe only after the next call, which the map then goes
// on with.
function ends(kept) {
  const mine = kept.call = {};
  return () => { if (kept.call === mine) kept.stop(); };
}
