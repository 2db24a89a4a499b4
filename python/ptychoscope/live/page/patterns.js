/**
 * Small pictures: a frame measured beside the same frame predicted, and the modes of the probe.
 */

import { percentiles, Picture } from "./colors.js";

/** Paint values (side, side) onto a canvas; what was not measured stays open. */
function paintSmall(canvas, values, side, look) {
  const picture = new Picture();
  picture.paint({ values, shape: [side, side] }, look);
  const size = Math.max(side, Math.round((canvas.clientWidth || side) * (window.devicePixelRatio || 1)));
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, size, size);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture.canvas, 0, 0, size, size);
}

/**
 * Show a frame; both pictures have the range of what was measured.
 * @param {{header: object, payload: Float32Array}} message
 * @param {{measured: HTMLCanvasElement, predicted: HTMLCanvasElement, log: boolean}} where
 */
export function showFrame({ header, payload }, { measured, predicted, log }) {
  const pixels = header.side ** 2;
  const found = payload.subarray(0, pixels);
  const [, high] = percentiles(found, 0, 100) ?? [0, 1];
  const look = { map: "magma", log, range: log ? [Math.max(1e-4 * high, 0.3), high] : [0, high] };
  paintSmall(measured, found, header.side, look);
  const expected = header.predicted ? payload.subarray(pixels, 2 * pixels) : new Float32Array(pixels).fill(NaN);
  paintSmall(predicted, expected, header.side, look);
}

/**
 * Show the probe: a pair of amplitude and phase for every mode, with its part of the photons.
 * @param {{header: object, payload: Float32Array}} message
 * @param {HTMLElement} list
 */
export function showProbe({ header, payload }, list) {
  const [modes, side] = header.shape;
  const pixels = side * side;
  const power = Array.from({ length: modes }, (_, k) =>
    payload.subarray(k * pixels, (k + 1) * pixels).reduce((sum, value) => sum + value * value, 0),
  );
  const all = power.reduce((sum, value) => sum + value, 0) || 1;
  while (list.children.length > modes) list.lastChild.remove();
  while (list.children.length < modes) list.append(emptyMode());
  for (let k = 0; k < modes; k++) {
    const [amplitude, phase] = list.children[k].querySelectorAll("canvas");
    const words = list.children[k].querySelector("figcaption");
    const values = payload.subarray(k * pixels, (k + 1) * pixels);
    const angles = payload.slice((modes + k) * pixels, (modes + k + 1) * pixels);
    const high = percentiles(values, 0, 100)?.[1] || 1;
    for (let at = 0; at < pixels; at++) if (values[at] < 0.05 * high) angles[at] = NaN; // phase of nothing
    paintSmall(amplitude, values, side, { map: "magma", range: [0, high], log: false });
    paintSmall(phase, angles, side, { map: "twilight", range: [-Math.PI, Math.PI], log: false });
    amplitude.setAttribute("aria-label", `Amplitude of probe mode ${k + 1}`);
    phase.setAttribute("aria-label", `Phase of probe mode ${k + 1}`);
    words.textContent = modes === 1 ? "amplitude and phase" : `mode ${k + 1}: ${((100 * power[k]) / all).toFixed(1)} % of the photons`;
  }
}

function emptyMode() {
  const figure = document.createElement("figure");
  for (let k = 0; k < 2; k++) {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    figure.append(canvas);
  }
  figure.append(document.createElement("figcaption"));
  return figure;
}
