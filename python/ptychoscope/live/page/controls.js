/**
 * Controls: buttons that ask the server to do something, and how an image is looked at.
 *
 * What ends a series is asked twice, in the same place: a thumb slips on a phone.
 */

import { paintBar } from "./colors.js";
import { command } from "./stream.js";

const SURE_MS = 4000;
const byId = (id) => document.getElementById(id);

/** Say what happened, below the buttons. */
export function say(text, wrong = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("wrong", wrong);
}

/** Ask the server, and say what came of it. */
async function ask(button, what, body, done) {
  button.disabled = true;
  try {
    await command(what, body);
    say(done);
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
}

/** A button that acts on its second click. */
function twice(button, question, act) {
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    delete button.dataset.sure;
    button.textContent = button.dataset.words;
  };
  button.dataset.words = button.textContent;
  button.addEventListener("click", () => {
    const words = question();
    if (words && !button.dataset.sure) {
      button.dataset.sure = "asked";
      button.textContent = words;
      timer = setTimeout(calm, SURE_MS);
      return;
    }
    calm();
    act();
  });
  button.addEventListener("blur", calm);
}

/** Let the buttons of the session act. @param {() => object | null} state what is known of it */
export function connectSession(state) {
  const run = byId("run");
  const running = () => state()?.state === "running";
  twice(run, () => (running() && run.dataset.act !== "start" ? "End it?" : null), () => {
    const start = run.dataset.act === "start";
    ask(run, start ? "start" : "stop", {}, start ? "Series are taken again." : "Stopped; what has come is kept.");
  });
  twice(byId("new-scan"), () => (running() ? "End this one?" : null), () =>
    ask(byId("new-scan"), "new-scan", {}, "The next frames begin a new scan."));
  byId("save").onclick = () => ask(byId("save"), "save", {}, "Saved.");
  byId("mend-now").onclick = () => ask(byId("mend-now"), "mend", {}, "Mended: all frames are placed anew.");
  byId("swap-now").onclick = () => {
    const name = byId("model").value;
    ask(byId("swap-now"), "model", { name }, `Frames go through ${name} from now on.`);
  };
}

/** The first button stops what runs, and starts what is stopped. */
export function showRun(state) {
  const run = byId("run");
  const act = state.state === "stopped" ? "start" : "stop";
  if (run.dataset.act === act) return;
  run.dataset.act = act;
  run.dataset.words = act === "start" ? "Start" : "Stop";
  run.classList.toggle("primary", act === "start");
  if (!run.dataset.sure) run.textContent = run.dataset.words;
}

const number = (value) => Number(value.toPrecision(4));

/**
 * Let the form below the image act.
 * @param {import("./stage.js").Stage} stage
 */
export function connectLook(stage) {
  const changed = () => {
    const { look } = stage;
    const auto = byId("auto").checked;
    const ends = [byId("low").valueAsNumber, byId("high").valueAsNumber];
    const valid = ends.every(Number.isFinite);
    const next = { ...look, map: byId("map").value, log: byId("log").checked, auto };
    if (auto === look.auto && valid) next[auto ? "percent" : "range"] = ends;
    Object.assign(look, next);
    stage.setLook(look);
    showLook(stage);
  };
  for (const id of ["map", "auto", "log", "low", "high"]) byId(id).addEventListener("change", changed);
  for (const name of ["grid", "path"]) {
    byId(name).addEventListener("change", () => {
      stage.shows[name] = byId(name).checked;
      stage.redraw();
    });
  }
  for (const axis of ["y", "x"]) {
    byId(`flip-${axis}`).addEventListener("change", () => {
      stage.view.flip[axis] = byId(`flip-${axis}`).checked;
      stage.redraw();
    });
  }
  byId("fill").addEventListener("change", () => {
    stage.view.fills = byId("fill").checked;
    stage.fit();
  });
  byId("zoom-in").onclick = () => stage.zoomBy(1.4);
  byId("zoom-out").onclick = () => stage.zoomBy(1 / 1.4);
  byId("fit").onclick = () => stage.fit();
  document.querySelector("form.look").addEventListener("submit", (event) => event.preventDefault());
}

/** Show how the stage looks at its plane. */
export function showLook({ look, plane }) {
  byId("map").value = look.map;
  byId("auto").checked = look.auto;
  byId("log").checked = look.log;
  byId("range-words").textContent = look.auto ? "percentiles" : "from, to";
  const ends = look.auto ? look.percent : look.range;
  for (const [k, id] of ["low", "high"].entries()) {
    if (document.activeElement !== byId(id)) byId(id).value = number(ends[k]);
    byId(`bar-${id}`).textContent = plane.empty ? "" : String(number(look.range[k])).replace("-", "−");
  }
  document.querySelector(".bar").hidden = plane.empty;
  if (byId("bar").dataset.map !== look.map) {
    byId("bar").dataset.map = look.map;
    paintBar(byId("bar"), look.map);
  }
}
