/**
 * Scan: where the frames of a series were placed, and how well each is explained, in the order of placing.
 */

export class Scan {
  constructor() {
    this.clear();
    this.rFactors = new Float32Array(0);
  }

  clear() {
    this.count = 0;
    this.positions = new Float32Array(2048);
    this.numbers = new Int32Array(1024);
    this.line = new Path2D();
  }

  /** Take new places, (n, 2) and the numbers of their frames. */
  addPath({ header, payload, buffer }) {
    if (header.first === 0) this.clear();
    const numbered = payload.length % 3 === 0 && payload.length / 3 === header.count - header.first;
    const added = header.count - header.first;
    const numbers = numbered ? new Int32Array(buffer, payload.byteOffset + 8 * added, added) : null;
    this.reserve(header.count);
    for (let k = 0; k < added; k++) {
      const [y, x] = [payload[2 * k], payload[2 * k + 1]];
      const place = header.first + k;
      this.positions.set([y, x], 2 * place);
      this.numbers[place] = numbers ? numbers[k] : place;
      if (place === 0) this.line.moveTo(x, y);
      else this.line.lineTo(x, y);
    }
    this.count = header.count;
  }

  /** Take R-factors of ranges of frames, in place of what was known of them; NaN is what is not known. */
  addRFactors({ header, payload }) {
    const known = header.whole ? new Float32Array(0) : this.rFactors;
    if (known.length !== header.count) {
      this.rFactors = new Float32Array(header.count).fill(NaN);
      this.rFactors.set(known);
    }
    let read = 0;
    for (const [first, count] of header.ranges) {
      this.rFactors.set(payload.subarray(read, read + count), first);
      read += count;
    }
  }

  reserve(count) {
    if (2 * count <= this.positions.length) return;
    const [positions, numbers] = [this.positions, this.numbers];
    this.positions = new Float32Array(4 * count);
    this.positions.set(positions);
    this.numbers = new Int32Array(2 * count);
    this.numbers.set(numbers);
  }

  /** Where the frame of this place was put, [y, x]. */
  at(place) {
    return [this.positions[2 * place], this.positions[2 * place + 1]];
  }

  get latest() {
    return this.count ? this.at(this.count - 1) : null;
  }

  /** The place that is nearest to a point of the object; -1 where there is none. */
  nearest([y, x]) {
    let [found, least] = [-1, Infinity];
    for (let k = 0; k < this.count; k++) {
      const distance = (this.positions[2 * k] - y) ** 2 + (this.positions[2 * k + 1] - x) ** 2;
      if (distance < least) [found, least] = [k, distance];
    }
    return found;
  }

  /** The place of a frame; -1 where it was not placed. */
  placeOf(number) {
    return this.numbers.subarray(0, this.count).indexOf(number);
  }
}
