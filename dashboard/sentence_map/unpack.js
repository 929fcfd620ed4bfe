// Reads what Python packed (component.py): two headers in JSON, arrays of numbers as they are, texts compressed.
const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };

function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const header = () => {
    const length = view.getUint32(at, true), text = new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    return JSON.parse(text);
  };
  const data = { ...header(), ...header() }, start = at;
  // An array is written as {at, n, kind}; a slice of its own, since typed arrays must begin at a multiple of their size.
  const array = ({ at, n, kind }) => {
    const Kind = KINDS[kind];
    return new Kind(bytes.slice(start + at, start + at + n * Kind.BYTES_PER_ELEMENT).buffer);
  };
  const [low, high] = data.bounds;
  data.frames = data.frames.map(array).map((steps) => {
    const frame = new Float32Array(steps.length);
    for (let i = 0; i < steps.length; i++) frame[i] = low[i & 1] + (steps[i] / 65535) * (high[i & 1] - low[i & 1]);
    return frame;
  });
  for (const name of ["language", "row", "meaning"]) data[name] = array(data[name]);
  data.ranks = data.ranks && data.ranks.map(array);
  for (const colouring of data.colourings) colouring.of = array(colouring.of);
  data.words = () => inflated(array(data.words_packed));
  return data;
}

// Every sentence, and every meaning once: [texts, meanings]. Nobody waits for them to see the points.
async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}
