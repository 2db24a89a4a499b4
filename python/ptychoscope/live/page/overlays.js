/**
 * What is drawn over the image: grid, scale bar, scan path, the present and the chosen position.
 *
 * All is drawn in pixels of the screen, light lines on a dark halo, so that it reads on any color.
 */

const MICRO = 1e-6;

/** The largest of 1, 2, 5, 10, ... that is at most `length`. */
export function roundLength(length) {
  const decade = 10 ** Math.floor(Math.log10(length));
  return (length / decade >= 5 ? 5 : length / decade >= 2 ? 2 : 1) * decade;
}

/** A length in words: 500 nm, 20 µm. */
export function lengthWords(length_m) {
  const [unit, word] = length_m >= 0.999 * MICRO ? [MICRO, "µm"] : [1e-9, "nm"];
  return `${Number((length_m / unit).toPrecision(3))} ${word}`;
}

function haloed(context, width, draw) {
  context.strokeStyle = "rgba(0, 0, 0, 0.55)";
  context.lineWidth = width + 2;
  draw();
  context.strokeStyle = "rgba(255, 255, 255, 0.95)";
  context.lineWidth = width;
  draw();
}

function label(context, text, x, y) {
  context.lineWidth = 3;
  context.strokeStyle = "rgba(0, 0, 0, 0.65)";
  context.strokeText(text, x, y);
  context.fillStyle = "#fff";
  context.fillText(text, x, y);
}

/** Lines at round object pixels, with their numbers. */
export function drawGrid(context, view) {
  const [height, width] = view.size;
  const [y0, x0] = view.toObject(0, 0);
  const [y1, x1] = view.toObject(height, width);
  const each = view.zoom.map((zoom) => Math.max(1, 2 * roundLength(50 / zoom)));
  context.textAlign = "left";
  const line = () => Object.assign(context, { lineWidth: 1, strokeStyle: "rgba(128, 128, 128, 0.5)" });
  const lines = (a, b, step) => {
    const first = Math.ceil(Math.min(a, b) / step);
    const count = Math.min(200, Math.floor(Math.max(a, b) / step) - first + 1);
    return Array.from({ length: Math.max(0, count) }, (_, k) => (first + k) * step);
  };
  for (const y of lines(y0, y1, each[0])) {
    const at = Math.round(view.toScreen(y, 0)[0]) + 0.5;
    line();
    context.beginPath();
    context.moveTo(0, at);
    context.lineTo(width, at);
    context.stroke();
    if (at > 14 && at < height - 60) label(context, `${y}`, 8, at - 4);
  }
  for (const x of lines(x0, x1, each[1])) {
    const at = Math.round(view.toScreen(0, x)[1]) + 0.5;
    line();
    context.beginPath();
    context.moveTo(at, 0);
    context.lineTo(at, height);
    context.stroke();
    if (at > 30 && at < width - 30) label(context, `${x}`, at + 4, 14);
  }
}

/** A bar of round length, lower left; the words it says. */
export function drawScaleBar(context, view, pixelSize_m) {
  const zoom = view.zoom[1];
  const unit = pixelSize_m ?? 1;
  const length = roundLength((Math.min(160, 0.35 * view.size[1]) / zoom) * unit);
  const width = (length / unit) * zoom;
  const words = pixelSize_m ? lengthWords(length) : `${length} px`;
  context.font = "600 13px system-ui, sans-serif";
  const [x, y] = [24, view.size[0] - 26];
  context.fillStyle = "rgba(14, 17, 19, 0.72)";
  context.beginPath();
  context.roundRect(14, y - 28, Math.max(width, context.measureText(words).width) + 20, 40, 6);
  context.fill();
  context.fillStyle = "#fff";
  context.fillRect(x, y, width, 3);
  context.textAlign = "left";
  context.fillText(words, x, y - 9);
  return words;
}

/**
 * The path of the scan.
 * @param {Path2D} path in pixels of the object
 */
export function drawPath(context, view, path) {
  const [scaleY, scaleX] = view.scale();
  const [y, x] = view.toScreen(0, 0);
  const onScreen = new Path2D();
  onScreen.addPath(path, new DOMMatrix([scaleX, 0, 0, scaleY, x, y]));
  context.lineJoin = "round";
  context.lineWidth = 2.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.35)";
  context.stroke(onScreen);
  context.lineWidth = 1;
  context.strokeStyle = "rgba(255, 255, 255, 0.8)";
  context.stroke(onScreen);
}

/** Where the scan is now: a ring with a point. */
export function drawPresent(context, view, [y, x]) {
  const [top, left] = view.toScreen(y, x);
  context.lineWidth = 2;
  for (const [radius, color] of [[9.5, "rgba(0, 0, 0, 0.6)"], [8, "#f2c14e"], [1.5, "#f2c14e"]]) {
    context.strokeStyle = color;
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** The window of the frame that is shown: corners of the patch of this side. */
export function drawChosen(context, view, [y, x], side) {
  const corner = [y - Math.floor(side / 2) - 0.5, x - Math.floor(side / 2) - 0.5];
  const [top, left] = view.toScreen(...corner);
  const [bottom, right] = view.toScreen(corner[0] + side, corner[1] + side);
  const arm = Math.min(12, Math.abs(right - left) / 4);
  haloed(context, 1.5, () => {
    context.beginPath();
    for (const [cy, cx] of [[top, left], [top, right], [bottom, right], [bottom, left]]) {
      const inY = cy === top ? Math.sign(bottom - top) : Math.sign(top - bottom);
      const inX = cx === left ? Math.sign(right - left) : Math.sign(left - right);
      context.moveTo(cx, cy + inY * arm);
      context.lineTo(cx, cy);
      context.lineTo(cx + inX * arm, cy);
    }
    context.stroke();
  });
}
