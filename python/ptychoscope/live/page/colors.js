/**
 * From numbers to colors: tables of 256 colors, the range that is shown, and a picture made with both.
 *
 * The tables are those of the figures that the command line draws (colormaps.json is made from them).
 */

const SAMPLES = 40000;
/** By how much of its width an automatic range must be wrong before all is painted anew. */
const STEADY = 0.02;
/** The alpha of what is shown dimly, as the first byte of RGBA. */
const DIM = 0x48000000;

/** @type {Map<string, Uint32Array>} RGBA in the order of bytes that ImageData has */
const tables = new Map();

/** Fetch the tables, once. */
export async function loadColors() {
  const stored = await (await fetch(new URL("colormaps.json", document.baseURI))).json();
  for (const [name, text] of Object.entries(stored)) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const colors = new Uint8ClampedArray(1024).fill(255);
    for (let k = 0; k < 256; k++) colors.set(bytes.subarray(3 * k, 3 * k + 3), 4 * k);
    tables.set(name, new Uint32Array(colors.buffer));
  }
}

/** Values at two percentiles of those that are finite, and not left out by their index; null where none is. */
export function percentiles(values, low, high, without = () => false) {
  const step = Math.max(1, Math.floor(values.length / SAMPLES));
  const found = [];
  for (let k = 0; k < values.length; k += step) {
    if (Number.isFinite(values[k]) && !without(k)) found.push(values[k]);
  }
  if (!found.length) return null;
  const sorted = Float64Array.from(found).sort();
  const at = (percent) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round((percent / 100) * (sorted.length - 1))))];
  return [at(low), at(high)];
}

/** Whether a range differs visibly from another. */
export function differs(range, other) {
  if (!range || !other) return range !== other;
  const width = Math.abs(other[1] - other[0]) || 1e-12;
  return Math.abs(range[0] - other[0]) > STEADY * width || Math.abs(range[1] - other[1]) > STEADY * width;
}

/** Where a value lies between low (0) and high (1); a logarithm needs a low that is above 0. */
export function scaler([low, high], logarithmic) {
  if (!logarithmic) {
    const width = high - low || 1;
    return (value) => (value - low) / width;
  }
  const top = Math.max(high, 1e-30);
  const bottom = Math.log(Math.max(low, 1e-4 * top));
  const width = Math.log(top) - bottom || 1;
  return (value) => (value > 0 ? (Math.log(value) - bottom) / width : 0);
}

/** The picture of a plane, on a canvas of its size, of which only what changed is painted. */
export class Picture {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
  }

  /**
   * @param {{values: Float32Array, shape: number[]}} plane
   * @param {{range: number[], map: string, log: boolean}} look
   * @param {number[][] | null} tiles that changed; null: all
   * @param {(k: number) => boolean} dim which values, by their index, are shown dimly
   */
  paint({ values, shape }, { range, map, log }, tiles = null, dim = () => false) {
    const [height, width] = shape;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      tiles = null;
    }
    const table = tables.get(map);
    const scale = scaler(range, log);
    for (const [y, x, h, w] of tiles ?? [[0, 0, height, width]]) {
      if (!h || !w) continue;
      const image = this.context.createImageData(w, h);
      const pixels = new Uint32Array(image.data.buffer);
      for (let row = 0, k = 0; row < h; row++) {
        let at = (y + row) * width + x;
        for (let column = 0; column < w; column++, k++, at++) {
          const value = values[at];
          if (value !== value) continue; // NaN: nothing is painted
          const unit = scale(value);
          const color = table[unit <= 0 ? 0 : unit >= 1 ? 255 : (unit * 256) | 0];
          pixels[k] = dim(at) ? (color & 0xffffff) | DIM : color;
        }
      }
      this.context.putImageData(image, x, y);
    }
  }
}

/** The colors of a map from left to right, on a canvas that is 256 pixels wide. */
export function paintBar(canvas, map) {
  const image = new ImageData(256, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < canvas.height; row++) pixels.set(tables.get(map), 256 * row);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
