/**
 * View: which part of the object plane is on the screen.
 *
 * `center` [y, x] in object pixels lies in the middle; a pixel of the object is `zoom` pixels of the screen
 * wide. Until somebody zooms or drags, the view follows the image as it grows.
 */

const CLOSEST = 80;
const FARTHEST = 0.02;

export class View {
  constructor() {
    this.center = [0, 0];
    this.zoom = [1, 1];
    this.flip = { y: false, x: false };
    this.follows = true;
    this.fills = false;
    this.size = [1, 1];
  }

  /** Show all of [top, left, bottom, right]. */
  fit([top, left, bottom, right]) {
    const [height, width] = this.size;
    this.center = [(top + bottom - 1) / 2, (left + right - 1) / 2];
    const y = (0.9 * height) / Math.max(1, bottom - top);
    const x = (0.92 * width) / Math.max(1, right - left);
    this.zoom = this.fills ? [y, x] : [Math.min(y, x), Math.min(y, x)];
  }

  /** From the object to the screen, as [y, x]. */
  toScreen(y, x) {
    const [scaleY, scaleX] = this.scale();
    return [this.size[0] / 2 + scaleY * (y - this.center[0]), this.size[1] / 2 + scaleX * (x - this.center[1])];
  }

  /** From the screen to the object, as [y, x]. */
  toObject(y, x) {
    const [scaleY, scaleX] = this.scale();
    return [this.center[0] + (y - this.size[0] / 2) / scaleY, this.center[1] + (x - this.size[1] / 2) / scaleX];
  }

  scale() {
    return [this.flip.y ? -this.zoom[0] : this.zoom[0], this.flip.x ? -this.zoom[1] : this.zoom[1]];
  }

  /** Zoom about a point of the screen, which stays where it is. */
  zoomAt(factor, y = this.size[0] / 2, x = this.size[1] / 2) {
    const before = this.toObject(y, x);
    const most = CLOSEST / Math.max(...this.zoom);
    const least = FARTHEST / Math.min(...this.zoom);
    const by = Math.min(most, Math.max(least, factor));
    this.zoom = this.zoom.map((zoom) => zoom * by);
    const after = this.toObject(y, x);
    this.center = this.center.map((place, axis) => place + before[axis] - after[axis]);
    this.follows = false;
  }

  /** Move the image by pixels of the screen. */
  panBy(y, x) {
    const [scaleY, scaleX] = this.scale();
    this.center = [this.center[0] - y / scaleY, this.center[1] - x / scaleX];
    this.follows = false;
  }
}

/**
 * Wheel, drag, pinch and keys act on the view of an element.
 * @param {HTMLElement} element
 * @param {View} view
 * @param {{changed: () => void, clicked: (place: number[]) => void, hovered: (place: number[] | null) => void,
 *          fit: () => void}} listener
 */
export function followGestures(element, view, listener) {
  /** @type {Map<number, PointerEvent>} */
  const held = new Map();
  let travelled = 0;
  const local = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientY - box.top, event.clientX - box.left];
  };
  const spread = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);

  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), ...local(event));
    listener.changed();
  }, { passive: false });
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    held.set(event.pointerId, event);
    if (held.size === 1) travelled = 0;
  });
  element.addEventListener("pointermove", (event) => {
    listener.hovered(view.toObject(...local(event)));
    const before = held.get(event.pointerId);
    if (!before) return;
    const [down, right] = [event.clientY - before.clientY, event.clientX - before.clientX];
    travelled += Math.hypot(down, right);
    const apart = held.size === 2 ? spread([...held.values()]) : 0;
    held.set(event.pointerId, event);
    if (travelled > 4) view.panBy(down / held.size, right / held.size);
    if (apart > 0) {
      const both = [...held.values()].map(local);
      view.zoomAt(spread([...held.values()]) / apart, (both[0][0] + both[1][0]) / 2, (both[0][1] + both[1][1]) / 2);
    }
    listener.changed();
  });
  const released = (event) => {
    if (held.delete(event.pointerId) && event.type === "pointerup" && travelled <= 4 && !held.size) {
      listener.clicked(view.toObject(...local(event)));
    }
  };
  element.addEventListener("pointerup", released);
  element.addEventListener("pointercancel", released);
  element.addEventListener("pointerleave", () => listener.hovered(null));
  element.addEventListener("dblclick", listener.fit);
  element.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [40, 0], ArrowDown: [-40, 0], ArrowLeft: [0, 40], ArrowRight: [0, -40] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) view.panBy(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") view.zoomAt(1.25);
    else if (event.key === "-") view.zoomAt(0.8);
    else if (event.key === "0") listener.fit();
    else return;
    event.preventDefault();
    listener.changed();
  });
}
