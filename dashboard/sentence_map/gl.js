// Points drawn by the graphics card, where there is one: the marks, places and colours of `paintPoints`, thousands in one
// call. They are drawn on a canvas of their own and copied to the map's, so that all else is drawn as without it.
const FINER = 2, SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

const VERTEX = `#version 300 es
  in vec2 place; in vec3 colour; in float mark;
  uniform vec4 inner, shown;  // of the panel: x, y, width, height without the margin; low and high of the plane
  uniform vec2 stage; uniform float size, onlyMark; uniform vec4 onlyColour;
  out vec3 tint; flat out float cell;
  void main() {
    vec2 share = (place - shown.xy) / (shown.zw - shown.xy);
    vec2 at = inner.xy + vec2(share.x, 1.0 - share.y) * inner.zw;
    gl_Position = vec4(at / stage * vec2(2, -2) + vec2(-1, 1), 0, 1);
    gl_PointSize = size;
    tint = mix(colour, onlyColour.rgb, onlyColour.a);
    cell = onlyMark < 0.0 ? mark : onlyMark;
  }`;
const FRAGMENT = `#version 300 es
  precision highp float;
  in vec3 tint; flat in float cell;
  uniform sampler2D stamps; uniform float cells;
  out vec4 drawn;
  void main() {
    float covered = texture(stamps, vec2((cell + gl_PointCoord.x) / cells, gl_PointCoord.y)).a;
    drawn = vec4(tint * covered, covered);
  }`;

function linked(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

const rgbOf = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

// Every mark once, white, in a row of square cells. Twice as fine as it is drawn: a texture that is read between its
// pixels is blurred by one of them, which is then half of the screen's.
function stampSheet(marks, grown, scale) {
  const stamps = [...marks.map((mark) => ({ ...STYLES.marks, mark })), STYLES.dots, STYLES.crosses, STYLES.ghosts];
  const side = 2 * (Math.ceil(1.3 * STYLES.marks.size * grown * scale) + 1), fine = FINER * scale;
  const sheet = document.createElement("canvas"), pen = sheet.getContext("2d");
  sheet.width = FINER * side * stamps.length;
  sheet.height = FINER * side;
  pen.fillStyle = pen.strokeStyle = "#fff";
  pen.lineWidth = CROSS_LINE;
  stamps.forEach(({ mark = null, crosses, size }, k) => {
    pen.setTransform(fine, 0, 0, fine, FINER * (k + 0.5) * side, FINER * side / 2);
    pen.beginPath();
    addPoint(pen, mark, crosses, 0, 0, size * grown);
    if (crosses) pen.stroke(); else pen.fill();
  });
  return { sheet, side, cells: stamps.length, only: { marks: -1, dots: marks.length, crosses: marks.length + 1, ghosts: marks.length + 2 } };
}

// null where there is no hardware to draw with, unless software is asked for. One for all maps of a page: it keeps nothing
// between two pictures but what it can make again.
function pointPainter(software) {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2", { antialias: false, depth: false, failIfMajorPerformanceCaveat: !software });
  if (!gl) return null;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  if (!software && SOFTWARE.test(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER))) return null;
  const program = linked(gl);
  if (!program) return null;
  const located = (names) => Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
  const uniform = located(["cells", "size", "stage", "inner", "shown", "onlyMark", "onlyColour"]);
  const attribute = (name) => gl.getAttribLocation(program, name);
  const [places, kinds, order] = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
  const largest = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1];
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.enable(gl.SCISSOR_TEST);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const [name, value] of [[gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE], [gl.TEXTURE_MIN_FILTER, gl.LINEAR]]) {
    gl.texParameteri(gl.TEXTURE_2D, name, value);
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, kinds);
  for (const [name, count, scaled, offset] of [["colour", 3, true, 0], ["mark", 1, false, 3]]) {
    gl.enableVertexAttribArray(attribute(name));
    gl.vertexAttribPointer(attribute(name), count, gl.UNSIGNED_BYTE, scaled, 4, offset);
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, places);
  gl.enableVertexAttribArray(attribute("place"));
  gl.vertexAttribPointer(attribute("place"), 2, gl.FLOAT, false, 0, 0);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, order);
  let given = null, marks = [], parts = [], stamped = "", stamps = null;

  // Colour and mark of every point; the order in which they are drawn; the runs of it that are of one opacity.
  function take(looks) {
    const n = looks.reduce((sum, look) => sum + look.points.length, 0), of = new Uint32Array(n), indices = new Uint32Array(n);
    const names = new Map();
    let filled = 0;
    parts = [];
    for (const { colour, mark, points, alpha } of looks) {
      const name = mark ? mark.join() : "";
      if (!names.has(name)) names.set(name, { number: names.size, mark });
      const [red, green, blue] = rgbOf(colour), about = red | (green << 8) | (blue << 16) | (names.get(name).number << 24);
      if (!parts.length || parts.at(-1).alpha !== alpha) parts.push({ alpha, first: filled, count: 0 });
      parts.at(-1).count += points.length;
      for (let k = 0; k < points.length; k++) of[points[k]] = about;
      indices.set(points, filled);
      filled += points.length;
    }
    marks = [...names.values()].map((each) => each.mark);
    gl.bindBuffer(gl.ARRAY_BUFFER, kinds);
    gl.bufferData(gl.ARRAY_BUFFER, of, gl.DYNAMIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.DYNAMIC_DRAW);
    given = looks;
  }
  function stamp(grown, scale) {
    const wanted = `${marks.map((mark) => mark && mark.join()).join(";")} ${grown} ${scale}`;
    if (wanted === stamped) return;
    stamped = wanted;
    stamps = stampSheet(marks, grown, scale);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, stamps.sheet);
    gl.uniform1f(uniform.cells, stamps.cells);
    gl.uniform1f(uniform.size, stamps.side);
  }
  // Points of one opacity are drawn opaque and then copied with it: where they overlap they are no darker.
  function copy(pen, panel, scale, { alpha, first, count }) {
    const { x, y, width, height } = panel;
    gl.scissor(Math.floor(x * scale), Math.floor(canvas.height - (y + height) * scale), Math.ceil(width * scale) + 1, Math.ceil(height * scale) + 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 4 * first);
    clip(pen, panel);
    pen.globalAlpha = alpha;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(canvas, 0, 0, canvas.width / scale, canvas.height / scale);
    pen.restore();
  }
  // As `paintKind` does; false where the graphics card has left, and the caller must draw.
  return function paintKindFast(pen, kind, panel, at, looks, grown, ghosts) {
    const scale = window.devicePixelRatio || 1, { width, height } = pen.canvas;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (given !== looks) take(looks);
    stamp(grown, scale);
    if (gl.isContextLost() || stamps.side > largest) return false;
    gl.viewport(0, 0, width, height);
    gl.uniform2f(uniform.stage, width / scale, height / scale);
    gl.uniform4f(uniform.inner, panel.x + MARGIN, panel.y + MARGIN, panel.width - 2 * MARGIN, panel.height - 2 * MARGIN);
    gl.uniform4f(uniform.shown, ...panel.low, ...panel.high.map((high, axis) => high === panel.low[axis] ? high + 1 : high));
    gl.uniform1f(uniform.onlyMark, stamps.only[kind]);
    gl.uniform4f(uniform.onlyColour, ...(kind === "ghosts" ? [...rgbOf(ghosts).map((value) => value / 255), 1] : [0, 0, 0, 0]));
    gl.bindBuffer(gl.ARRAY_BUFFER, places);
    gl.bufferData(gl.ARRAY_BUFFER, at, gl.DYNAMIC_DRAW);
    const every = { alpha: GHOSTLY, first: 0, count: at.length / 2 };
    for (const part of kind === "ghosts" ? [every] : parts) copy(pen, panel, scale, part);
    return true;
  };
}
