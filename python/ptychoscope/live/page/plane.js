/**
 * Plane: a picture in the object plane that grows, and moves, while tiles of it arrive.
 *
 * A value stays at its place in the object: index [0, 0] lies at `origin` [y, x], in object pixels, and where
 * a later message has another origin or shape, what is there is moved. NaN is what was not seen.
 */

export class Plane {
  constructor() {
    this.clear();
  }

  clear() {
    this.shape = [0, 0];
    this.origin = [0, 0];
    this.values = new Float32Array(0);
    this.series = null;
    this.part = 1;
    this.version = -1;
    this.pixelSize_m = null;
    /** Of a coverage: below it a pixel is at the faint rim. */
    this.least = 0;
  }

  get empty() {
    return this.values.length === 0;
  }

  /** All of a stored picture. */
  set({ values, shape, origin = [0, 0], pixelSize_m = null, series = null, part = 1, least = 0 }) {
    Object.assign(this, { values, shape, origin, pixelSize_m, series, part, least, version: this.version + 1 });
  }

  /**
   * Put the tiles of a message where they belong.
   * @returns {number[][] | null} tiles [y, x, h, w] that changed; null: all of it
   */
  apply({ header, payload }) {
    const same = header.series === this.series && !header.whole;
    const moved = !same || String(header.shape) !== String(this.shape) || String(header.origin_px) !== String(this.origin);
    if (moved) this.move(header.shape, header.origin_px, same);
    const width = this.shape[1];
    let read = 0;
    for (const [y, x, h, w] of header.tiles) {
      for (let row = 0; row < h; row++, read += w) {
        this.values.set(payload.subarray(read, read + w), (y + row) * width + x);
      }
    }
    this.series = header.series;
    this.part = header.part;
    this.version = header.version;
    this.pixelSize_m = header.pixel_size_m;
    this.least = header.least_coverage;
    return moved ? null : header.tiles;
  }

  move(shape, origin, keep) {
    const values = new Float32Array(shape[0] * shape[1]).fill(NaN);
    const down = this.origin[0] - origin[0];
    const right = this.origin[1] - origin[1];
    const first = Math.max(0, -right);
    const last = Math.min(this.shape[1], shape[1] - right);
    for (let row = 0; keep && row < this.shape[0] && last > first; row++) {
      const target = row + down;
      if (target < 0 || target >= shape[0]) continue;
      const start = row * this.shape[1];
      values.set(this.values.subarray(start + first, start + last), target * shape[1] + first + right);
    }
    Object.assign(this, { values, shape, origin });
  }

  /** The value at a place in the object; NaN outside. */
  at(y, x) {
    const row = Math.round(y) - this.origin[0];
    const column = Math.round(x) - this.origin[1];
    const inside = row >= 0 && column >= 0 && row < this.shape[0] && column < this.shape[1];
    return inside ? this.values[row * this.shape[1] + column] : NaN;
  }

  /** Rows and columns [top, left, bottom, right) that were seen, in object pixels; null where none were. */
  seen() {
    const [height, width] = this.shape;
    const step = Math.max(1, Math.floor(Math.max(height, width) / 512));
    let [top, left, bottom, right] = [height, width, 0, 0];
    for (let row = 0; row < height; row += step) {
      for (let column = 0; column < width; column += step) {
        if (Number.isNaN(this.values[row * width + column])) continue;
        top = Math.min(top, row);
        left = Math.min(left, column);
        bottom = Math.max(bottom, row + step);
        right = Math.max(right, column + step);
      }
    }
    const [y, x] = this.origin;
    return bottom ? [top + y, left + x, Math.min(bottom, height) + y, Math.min(right, width) + x] : null;
  }
}
