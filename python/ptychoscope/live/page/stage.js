/**
 * Stage: the image on the screen, with what is drawn over it, and who points at it.
 *
 * Nothing is drawn but once a frame of the screen, and only when something changed.
 */

import { differs, percentiles, Picture } from "./colors.js";
import { drawChosen, drawGrid, drawPath, drawPresent, drawScaleBar } from "./overlays.js";
import { Plane } from "./plane.js";
import { followGestures, View } from "./view.js";

/** How a plane is shown before anybody has said how; `rim`: whether its faint rim is told from the rest. */
export const LOOKS = {
  amplitude: { map: "gray", auto: true, percent: [1, 99.5], range: [0, 1], log: false, rim: true },
  phase: { map: "viridis", auto: true, percent: [1, 99], range: [-1, 1], log: false, rim: true },
  coverage: { map: "magma", auto: true, percent: [0, 100], range: [0, 1], log: false },
  spread: { map: "magma", auto: true, percent: [1, 99], range: [0, 1], log: false },
  misfit: { map: "magma", auto: true, percent: [1, 99], range: [0, 1], log: false },
};

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{clicked: (place: number[]) => void, hovered: (place: number[] | null) => void,
   *          drawn: () => void}} listener
   */
  constructor(canvas, listener) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.listener = listener;
    this.plane = new Plane();
    this.coverage = new Plane();
    this.picture = new Picture();
    this.view = new View();
    this.look = structuredClone(LOOKS.amplitude);
    this.shows = { grid: false, path: false, rim: false };
    /** @type {number[] | null} */
    this.present = null;
    /** @type {{position: number[], side: number} | null} */
    this.chosen = null;
    this.path = new Path2D();
    this.changed = true;
    this.scaleWords = "";
    new ResizeObserver(() => this.resize()).observe(canvas);
    followGestures(canvas, this.view, {
      changed: () => this.redraw(),
      clicked: listener.clicked,
      hovered: listener.hovered,
      fit: () => this.fit(),
    });
  }

  /** Take a message with tiles. */
  apply(message) {
    this.painted(this.plane.apply(message));
  }

  /** Take a message with tiles of the coverage, which is shown itself, or tells where the rim is. */
  applyCoverage(message) {
    const { coverage, plane } = this;
    const before = coverage.least;
    const tiles = coverage.apply(message);
    const alike = String(coverage.shape) === String(plane.shape) && String(coverage.origin) === String(plane.origin);
    if (plane === coverage || this.dims) this.painted(alike && coverage.least === before ? tiles : null);
  }

  /** Show a stored picture, and by its coverage where its rim is. */
  set(stored, coverage) {
    this.plane.set(stored);
    if (coverage) this.coverage.set(coverage);
    this.painted(null);
  }

  clear() {
    this.plane.clear();
    this.coverage.clear();
    this.painted(null);
  }

  /** Show another plane, of which nothing is known yet but the coverage. */
  turnTo(name, look) {
    this.look = look;
    if (!look.rim && name !== "coverage") this.coverage.clear();
    this.plane = name === "coverage" ? this.coverage : new Plane();
    this.painted(null);
  }

  /** Whether the faint rim of what is shown is dimmed. */
  get dims() {
    return Boolean(this.look.rim) && !this.shows.rim;
  }

  /** Which values of the plane, by their index, are at the rim. */
  rim() {
    const { coverage, plane } = this;
    if (!this.dims || coverage.empty) return () => false;
    const [y, x] = plane.origin;
    const width = plane.shape[1];
    return (k) => coverage.at(y + Math.floor(k / width), x + (k % width)) < coverage.least;
  }

  /** Color what changed; all of it when the range moved. */
  painted(tiles) {
    const rim = this.rim();
    const found = this.look.auto ? percentiles(this.plane.values, ...this.look.percent, rim) : null;
    if (found && differs(found, this.look.range)) {
      this.look.range = found;
      tiles = null;
    }
    this.picture.paint(this.plane, this.look, tiles, rim);
    if (this.view.follows && !this.plane.empty) this.follow();
    this.redraw();
  }

  /** Show the plane in another way. */
  setLook(look) {
    this.look = look;
    this.painted(null);
  }

  follow() {
    const seen = this.plane.seen();
    if (seen) this.view.fit(seen);
  }

  /** Show all, and go on to do so. */
  fit() {
    this.view.follows = true;
    this.follow();
    this.redraw();
  }

  zoomBy(factor) {
    this.view.zoomAt(factor);
    this.redraw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const fine = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * fine);
    this.canvas.height = Math.round(height * fine);
    this.view.size = [height, width];
    if (this.view.follows) this.follow();
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
      this.listener.drawn();
    });
  }

  draw() {
    const { context, view, canvas } = this;
    const fine = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = getComputedStyle(canvas).getPropertyValue("--stage").trim() || "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.plane.empty) return;
    const [scaleY, scaleX] = view.scale().map((scale) => scale * fine);
    const [y, x] = view.toScreen(this.plane.origin[0] - 0.5, this.plane.origin[1] - 0.5);
    context.setTransform(scaleX, 0, 0, scaleY, x * fine, y * fine);
    context.imageSmoothingEnabled = Math.max(...view.zoom) < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.picture.canvas, 0, 0);
    context.setTransform(fine, 0, 0, fine, 0, 0);
    context.font = "11px system-ui, sans-serif";
    if (this.shows.grid) drawGrid(context, view);
    if (this.shows.path) drawPath(context, view, this.path);
    if (this.chosen) drawChosen(context, view, this.chosen.position, this.chosen.side);
    if (this.present) drawPresent(context, view, this.present);
    this.scaleWords = drawScaleBar(context, view, this.plane.pixelSize_m);
  }
}
