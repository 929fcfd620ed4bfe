// Points at computed strengths come from Python once; everything in between is drawn here, without asking the server.
const MARGIN = 16, HEIGHT = 0.56, REACH = 9;

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".morph");
  const canvas = root.querySelector("canvas"), range = root.querySelector("input"), output = root.querySelector("output");
  const tip = root.querySelector(".tip"), ticks = root.querySelector(".ticks"), play = root.querySelector(".play");
  const { strengths, frames, colours, language, shown, names, texts, english, crosses, alt } = data;
  const n = language.length, last = strengths.length - 1;
  canvas.setAttribute("aria-label", alt);

  let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  for (const frame of frames) for (let i = 0; i < 2 * n; i++) {
    const axis = i & 1;
    if (frame[i] < low[axis]) low[axis] = frame[i];
    if (frame[i] > high[axis]) high[axis] = frame[i];
  }
  const at = new Float32Array(2 * n);
  let width = 0, height = 0, held = null, asked = false, moving = 0;

  const position = () => (range.value / 1000) * (strengths[last] - strengths[0]) + strengths[0];
  const place = (strength) => {
    let k = 0;
    while (k < last - 1 && strength > strengths[k + 1]) k++;
    const share = (strength - strengths[k]) / (strengths[k + 1] - strengths[k]);
    return [k, Math.min(1, Math.max(0, share))];
  };
  const sx = (x) => MARGIN + ((x - low[0]) / (high[0] - low[0] || 1)) * (width - 2 * MARGIN);
  const sy = (y) => height - MARGIN - ((y - low[1]) / (high[1] - low[1] || 1)) * (height - 2 * MARGIN);

  function render() {
    asked = false;
    const strength = position(), [k, share] = place(strength), from = frames[k], to = frames[k + 1];
    for (let i = 0; i < n; i++) {
      at[2 * i] = sx(from[2 * i] + share * (to[2 * i] - from[2 * i]));
      at[2 * i + 1] = sy(from[2 * i + 1] + share * (to[2 * i + 1] - from[2 * i + 1]));
    }
    const pen = canvas.getContext("2d"), scale = window.devicePixelRatio || 1;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const cross = crosses && strength > strengths[0];
    for (let code = 0; code < colours.length; code++) {  // one path a language: two thousand points in a few calls
      for (const bright of [false, true]) {
        pen.globalAlpha = bright ? 0.8 : 0.07;
        pen.fillStyle = pen.strokeStyle = colours[code];
        pen.lineWidth = 1.4;
        pen.beginPath();
        for (let i = 0; i < n; i++) {
          if (language[i] !== code || Boolean(shown[code]) !== bright) continue;
          const x = at[2 * i], y = at[2 * i + 1];
          if (cross) {
            pen.moveTo(x - 2.6, y); pen.lineTo(x + 2.6, y); pen.moveTo(x, y - 2.6); pen.lineTo(x, y + 2.6);
          } else {
            pen.moveTo(x + 2.2, y); pen.arc(x, y, 2.2, 0, 6.2832);
          }
        }
        if (cross) pen.stroke(); else pen.fill();
      }
    }
    pen.globalAlpha = 1;
    pen.font = "bold 12px sans-serif";
    pen.textAlign = "center";
    pen.lineWidth = 3;
    const ground = getComputedStyle(root).getPropertyValue("--st-background-color") || "#fff";
    for (let code = 0; code < colours.length; code++) {
      if (!shown[code]) continue;
      const xs = [], ys = [];
      for (let i = 0; i < n; i++) if (language[i] === code) { xs.push(at[2 * i]); ys.push(at[2 * i + 1]); }
      xs.sort((a, b) => a - b); ys.sort((a, b) => a - b);
      const x = xs[xs.length >> 1], y = Math.max(12, ys[Math.floor(ys.length * 0.06)] - 6);
      pen.strokeStyle = ground; pen.strokeText(names[code], x, y);
      pen.fillStyle = colours[code]; pen.fillText(names[code], x, y);
    }
    const exact = share === 0 || share === 1;
    const number = strength.toFixed(2).replace(/\.?0+$/, "") || "0";
    output.textContent = exact ? `strength ${number}: computed`
      : `strength ${number}: between ${strengths[k]} and ${strengths[k + 1]}, drawn straight`;
    root.dataset.strength = number;
    root.dataset.frames = String(Number(root.dataset.frames || 0) + 1);
    if (held !== null) say(held);
  }
  const ask = () => { if (!asked) { asked = true; requestAnimationFrame(render); } };

  function say(i) {
    tip.replaceChildren();
    const title = document.createElement("b"), text = document.createElement("span"), meaning = document.createElement("small");
    title.textContent = names[language[i]];
    text.textContent = texts[i];
    text.dir = "auto";
    meaning.textContent = english[i];
    tip.append(title, text, meaning);
    tip.hidden = false;
    const left = Math.min(at[2 * i] + 12, Math.max(0, width - 260));
    tip.style.left = `${left}px`;
    tip.style.top = `${at[2 * i + 1] + 12}px`;
  }
  function hover(event) {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = REACH * REACH, found = null;
    for (let i = 0; i < n; i++) {
      if (!shown[language[i]]) continue;
      const d = (at[2 * i] - x) ** 2 + (at[2 * i + 1] - y) ** 2;
      if (d < best) { best = d; found = i; }
    }
    held = found;
    if (found === null) tip.hidden = true; else say(found);
  }
  function step(from, start, now) {
    const gone = Math.min(1, (now - start) / 2500);
    range.value = String(Math.round(1000 * (from < 500 ? gone : 1 - gone)));
    render();
    if (gone < 1 && moving) moving = requestAnimationFrame((t) => step(from, start, t));
    else { moving = 0; play.textContent = "\u25B6"; }
  }
  play.onclick = () => {
    if (moving) { cancelAnimationFrame(moving); moving = 0; play.textContent = "\u25B6"; return; }
    play.textContent = "\u23F8";
    const from = Number(range.value);
    moving = requestAnimationFrame((t) => { moving = 1; step(from, t, t); });
  };
  range.oninput = () => { moving = 0; ask(); };
  canvas.onpointermove = hover;
  canvas.onpointerleave = () => { held = null; tip.hidden = true; };

  ticks.replaceChildren(...strengths.map((strength) => {
    const mark = document.createElement("span");
    mark.style.left = `${(100 * (strength - strengths[0])) / (strengths[last] - strengths[0])}%`;
    mark.textContent = `\u25B4 ${strength}`;
    return mark;
  }));
  function size() {
    width = Math.max(200, Math.floor(root.clientWidth));
    height = Math.round(Math.min(620, Math.max(300, width * HEIGHT)));
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    render();
  }
  const watch = new ResizeObserver(size);
  watch.observe(root);
  size();
  return () => { watch.disconnect(); moving = 0; };
}
