/**
 * Results: the scans that are finished. One can be looked at as the running one is, and taken home.
 */

import { api } from "./stream.js";

/**
 * @param {HTMLElement} list
 * @param {{name: string, series: number, frames: number}[]} results
 * @param {string | null} shown name of the one that is looked at
 * @param {(result: object) => void} show
 */
export function showResults(list, results, shown, show) {
  const known = JSON.stringify([results, shown]);
  if (list.dataset.known === known) return;
  list.dataset.known = known;
  list.replaceChildren(...[...results].reverse().map((result) => entry(result, result.name === shown, show)));
  if (!results.length) {
    const none = document.createElement("li");
    none.className = "dim";
    none.textContent = "None yet.";
    list.append(none);
  }
}

function entry(result, current, show) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "show";
  button.setAttribute("aria-current", String(current));
  const name = document.createElement("span");
  name.textContent = result.name;
  const frames = document.createElement("small");
  frames.textContent = result.frames === null ? "" : `${result.frames} frames`;
  button.append(name, frames);
  button.onclick = () => show(result);
  const link = document.createElement("a");
  link.href = api(`results/${encodeURIComponent(result.name)}`);
  link.download = result.name;
  link.textContent = "↓";
  link.setAttribute("aria-label", `Download ${result.name}`);
  item.append(button, link);
  return item;
}
