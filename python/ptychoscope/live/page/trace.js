/**
 * Trace: the R-factor of every frame as points, in the order of placing. Low is good.
 *
 * A model that is out of its depth shows here at once. A click, or the arrow keys, choose a frame.
 */

import { percentiles } from "./colors.js";

const MOST_POINTS = 20000;
const MARGIN = { left: 40, right: 6, top: 8, bottom: 16 };

export class Trace {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(place: number) => void} choose
   */
  constructor(canvas, choose) {
    this.canvas = canvas;
    this.choose = choose;
    this.values = new Float32Array(0);
    this.chosen = -1;
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("click", (event) => {
      const place = this.placeAt(event.offsetX);
      if (place >= 0) choose(place);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !this.values.length) return;
      event.preventDefault();
      const from = this.chosen < 0 ? this.values.length : this.chosen;
      choose(Math.max(0, Math.min(this.values.length - 1, from + step)));
    });
  }

  set(values, chosen) {
    this.values = values;
    this.chosen = chosen;
    this.draw();
  }

  get room() {
    return Math.max(1, this.canvas.clientWidth - MARGIN.left - MARGIN.right);
  }

  /** Of very many frames: from the least to the largest value in every column of the screen. */
  drawRanges(context, y) {
    const { values } = this;
    const columns = Math.ceil(this.room);
    for (let column = 0; column < columns; column++) {
      let [least, most] = [Infinity, -Infinity];
      const stop = Math.floor(((column + 1) / columns) * values.length);
      for (let k = Math.floor((column / columns) * values.length); k < stop; k++) {
        if (values[k] < least) least = values[k];
        if (values[k] > most) most = values[k];
      }
      if (most >= least) context.fillRect(MARGIN.left + column, y(most), 1, Math.max(1, y(least) - y(most)));
    }
  }

  placeAt(x) {
    const count = this.values.length;
    if (!count) return -1;
    return Math.max(0, Math.min(count - 1, Math.floor(((x - MARGIN.left) / this.room) * count)));
  }

  draw() {
    const { canvas, values } = this;
    const [width, height, fine] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio || 1];
    canvas.width = Math.round(width * fine);
    canvas.height = Math.round(height * fine);
    const context = canvas.getContext("2d");
    context.scale(fine, fine);
    const color = (name) => getComputedStyle(canvas).getPropertyValue(name).trim();
    const top = 1.15 * (percentiles(values, 0, 99.5)?.[1] ?? 1) || 1;
    const y = (value) => MARGIN.top + (height - MARGIN.top - MARGIN.bottom) * (1 - Math.min(value / top, 1));
    const x = (place) => MARGIN.left + ((place + 0.5) / Math.max(1, values.length)) * this.room;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const part of [0, 0.5, 1]) {
      const value = part * top;
      context.strokeStyle = color("--line");
      context.beginPath();
      context.moveTo(MARGIN.left, Math.round(y(value)) + 0.5);
      context.lineTo(width - MARGIN.right, Math.round(y(value)) + 0.5);
      context.stroke();
      context.fillStyle = color("--dim");
      context.fillText(Number(value.toPrecision(2)).toString(), MARGIN.left - 5, y(value));
    }
    context.textBaseline = "alphabetic";
    context.fillText(values.length ? `${values.length} frames` : "", width - MARGIN.right, height - 2);
    context.fillStyle = color("--accent");
    if (values.length > MOST_POINTS) this.drawRanges(context, y);
    else {
      const size = values.length > 2000 ? 1 : 2;
      for (let k = 0; k < values.length; k++) {
        if (Number.isFinite(values[k])) context.fillRect(x(k) - size / 2, y(values[k]) - size / 2, size, size);
      }
    }
    if (this.chosen >= 0 && this.chosen < values.length) {
      context.strokeStyle = color("--text");
      context.beginPath();
      context.moveTo(x(this.chosen), MARGIN.top);
      context.lineTo(x(this.chosen), height - MARGIN.bottom);
      context.stroke();
    }
  }
}
