/**
 * The page: what is watched, and where what comes is shown.
 *
 * `page` holds what is chosen: a plane, the running series or a finished scan, a frame. Topics follow from it,
 * so that the server computes what is looked at, and nothing while the page is hidden.
 */

import { loadColors } from "./colors.js";
import { connectLook, connectSession, say, showLook, showRun } from "./controls.js";
import { lengthWords } from "./overlays.js";
import { showFrame, showProbe } from "./patterns.js";
import { sentence, showState } from "./readouts.js";
import { showResults } from "./results.js";
import { Scan } from "./scan.js";
import { LOOKS, Stage } from "./stage.js";
import { arrayAddress, download, fetchStored, saveSnapshot } from "./stored.js";
import { Stream } from "./stream.js";
import { Trace } from "./trace.js";

const byId = (id) => document.getElementById(id);
const page = { plane: "amplitude", result: null, frame: null, state: null, lastFrame: null };
const looks = structuredClone(LOOKS);
const scan = new Scan();

connectTheme();
await loadColors();
const stage = new Stage(byId("image"), { clicked: chooseNear, hovered: showCursor, drawn: drawn });
const trace = new Trace(byId("trace"), (place) => choose(scan.numbers[place]));
const stream = new Stream({ onState, onData, onLink });
stage.look = looks.amplitude;
connectLook(stage);
connectSession(() => page.state);
connectPage();
showLook(stage);
watch();
document.body.inert = false; // no click before this one is lost: the page takes none

/** Ask for what is looked at. */
function watch() {
  const topics = ["state"];
  if (!document.hidden) {
    topics.push("path", "r_factor", "frame");
    if (!page.result) topics.push(`image:${page.plane}`);
    if (!page.result && stage.dims) topics.push("image:coverage");
    if (byId("probe").open) topics.push("probe");
  }
  stream.watch(topics, page.frame);
}

function onState(state) {
  page.state = state;
  showState(state);
  showRun(state);
  showWhy();
  showResults(byId("results"), state.results ?? [], page.result?.name ?? null, showResult);
  showPresent();
}

function onData(message) {
  const { topic } = message.header;
  if (topic === "image:coverage" && !page.result) stage.applyCoverage(message);
  else if (topic === `image:${page.plane}` && !page.result) stage.apply(message);
  else if (topic === "frame") receiveFrame(message);
  else if (topic === "probe") showProbe(message, byId("modes"));
  else if (topic === "path" || topic === "r_factor") {
    if (topic === "path") scan.addPath(message);
    else scan.addRFactors(message);
    stage.path = scan.line;
    trace.set(scan.rFactors, page.frame === null ? -1 : scan.placeOf(page.frame));
    showPresent();
  }
}

function onLink(link) {
  const words = {
    lost: "The server is gone. What was shown last stays; it is sought again.",
    refused: "The server lets nobody in without its token: open the address that it printed.",
  };
  byId("link").hidden = link === "open";
  byId("link").textContent = words[link] ?? "";
  document.body.dataset.link = link;
}

// --- the image ----------------------------------------------------------------------------------------------
function showPlane(plane) {
  page.plane = plane;
  stage.turnTo(plane, looks[plane]);
  if (page.result) showResult(page.result);
  showWhy();
  watch();
}

async function showResult(result) {
  page.result = result;
  byId("viewing").hidden = false;
  byId("viewing-name").textContent = result.name;
  showPresent();
  watch();
  try {
    const { plane } = page;
    const wanted = stage.dims ? [plane, "coverage"] : [plane];
    const stored = await Promise.all(wanted.map((name) => fetchStored(name, result)));
    if (page.result === result && page.plane === plane) stage.set(...stored);
  } catch (error) {
    stage.clear();
    say(error.message, true);
  }
}

function backToLive() {
  page.result = null;
  byId("viewing").hidden = true;
  stage.clear();
  stage.fit();
  showPresent();
  watch();
}

/** After every drawing: what belongs to it beside the canvas. */
function drawn() {
  byId("empty").hidden = !stage.plane.empty;
  document.body.dataset.version = stage.plane.version;
  showLook(stage);
}

/** Why there is no image. */
function showWhy() {
  const why = page.result ? "" : (page.state?.not_known?.[page.plane] ?? "the image appears with the first frames");
  byId("empty").textContent = why && `${sentence(why)}.`;
}

function showPresent() {
  const live = !page.result;
  stage.present = live && page.state?.state === "running" ? scan.latest : null;
  const shown = page.lastFrame;
  const chosen = live && page.frame !== null && shown?.number === page.frame && shown.position_px;
  stage.chosen = chosen ? { position: shown.position_px, side: shown.side } : null;
  stage.redraw();
}

function showCursor(place) {
  const value = place ? stage.plane.at(...place) : NaN;
  const pixel = stage.plane.pixelSize_m;
  const [y, x] = (place ?? [0, 0]).map(Math.round);
  const lengths = pixel ? ` · ${lengthWords(y * pixel)}, ${lengthWords(x * pixel)}` : "";
  byId("cursor").textContent = Number.isNaN(value) ? "" : `y ${y}, x ${x}${lengths} · ${value.toPrecision(4)}`;
}

// --- a frame ------------------------------------------------------------------------------------------------
function chooseNear(place) {
  const nearest = page.result ? -1 : scan.nearest(place);
  if (nearest >= 0) choose(scan.numbers[nearest]);
}

/** Look at a frame; null: the latest, whichever that is. */
function choose(number) {
  page.frame = number;
  byId("latest").checked = number === null;
  byId("number").value = number ?? "";
  trace.set(scan.rFactors, number === null ? -1 : scan.placeOf(number));
  showPresent();
  watch();
}

function receiveFrame(message) {
  const { header } = message;
  page.frameMessage = message;
  page.lastFrame = header;
  showFrame(message, { measured: byId("measured"), predicted: byId("predicted"), log: byId("frame-log").checked });
  const known = Number.isFinite(header.r_factor) && header.r_factor !== null;
  byId("frame-words").textContent = `${header.number}${known ? ` · R ${header.r_factor.toFixed(3)}` : ""}`;
  byId("predicted-words").textContent = header.predicted ? "predicted" : "not predicted yet";
  showPresent();
}

// --- what is pressed ----------------------------------------------------------------------------------------
function connectPage() {
  byId("planes").addEventListener("change", ({ target }) => showPlane(target.value));
  byId("back").onclick = backToLive;
  byId("probe").addEventListener("toggle", watch);
  byId("latest").addEventListener("change", ({ target }) => choose(target.checked ? null : (page.lastFrame?.number ?? null)));
  byId("number").addEventListener("change", ({ target }) => choose(target.value === "" ? null : Math.max(0, Math.round(target.valueAsNumber))));
  byId("rim").addEventListener("change", () => {
    stage.shows.rim = !byId("rim").checked;
    stage.painted(null);
    if (page.result) showResult(page.result);
    watch();
  });
  byId("frame-log").addEventListener("change", () => page.frameMessage && receiveFrame(page.frameMessage));
  document.addEventListener("visibilitychange", watch);
  const live = ({ series, part }) => `series${series ?? ""}${part > 1 ? `-part${part}` : ""}`;
  const name = () => `${page.result?.name.replace(/\.h5$/, "") ?? live(stage.plane)}-${page.plane}`;
  byId("png").onclick = () => saveSnapshot(stage.canvas, `${name()}.png`);
  byId("npy").onclick = () =>
    download(arrayAddress(page.plane, { ...stage.plane, result: page.result?.name }), `${name()}.npy`);
}

/** Light or dark as the system has it, or as it was chosen here. */
function connectTheme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) root.dataset.theme = kept;
  byId("theme").onclick = () => {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    stage.redraw();
    trace.draw();
  };
}
