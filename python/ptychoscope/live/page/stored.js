/**
 * Stored arrays and files: a .npy is read, a snapshot and an array are handed to the reader.
 */

import { api } from "./stream.js";

/** Values (H, W) of a .npy of little-endian float32. */
export function parseNpy(buffer) {
  const bytes = new DataView(buffer);
  const wide = bytes.getUint8(6) > 1;
  const length = wide ? bytes.getUint32(8, true) : bytes.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, wide ? 12 : 10, length));
  const shape = (header.match(/'shape':\s*\(([^)]*)\)/)?.[1] ?? "").split(",").filter((n) => n.trim()).map(Number);
  if (!header.includes("<f4") || header.includes("'fortran_order': True") || shape.length !== 2) {
    throw new Error(`no picture of float32: ${header.trim()}`);
  }
  return { values: new Float32Array(buffer.slice(start)), shape };
}

/** Where an array is found: of a result, or of the series that runs. */
export function arrayAddress(plane, { result, series, part }) {
  if (result) return api(`results/${encodeURIComponent(result)}/image/${plane}.npy`);
  const address = api(`image/${plane}.npy`);
  if (series !== null && series !== undefined) {
    address.searchParams.set("series", series);
    address.searchParams.set("part", part);
  }
  return address;
}

/** Fetch a plane of a result, with its place and scale. */
export async function fetchStored(plane, result) {
  const of = `results/${encodeURIComponent(result.name)}`;
  const [array, facts] = await Promise.all([fetch(arrayAddress(plane, { result: result.name })), fetch(api(`${of}/facts`))]);
  if (!array.ok) throw new Error(`${plane} of ${result.name}: the server answers ${array.status}`);
  const known = facts.ok ? await facts.json() : result;
  return {
    ...parseNpy(await array.arrayBuffer()),
    origin: known.origin_px ?? [0, 0],
    pixelSize_m: known.pixel_size_m ?? null,
    least: known.least_coverage ?? 0,
    series: result.series,
  };
}

/** Let the reader keep what an address holds. */
export function download(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

/** What is on the screen as a PNG. */
export async function saveSnapshot(canvas, name) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const address = URL.createObjectURL(blob);
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
