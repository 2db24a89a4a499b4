/**
 * Readouts: the state of the session in numbers and words, as it is known now.
 */

const CAUSES = {
  damaged: "damaged",
  repeated: "repeated",
  never_arrived: "never arrived",
  no_position: "no position",
  no_frame: "no frame",
  dropped: "dropped, behind",
  dark: "dark",
  outside: "outside",
  stray: "stray",
};
const STATES = { waiting: "waiting", running: "running", done: "done", stopped: "stopped" };

const byId = (id) => document.getElementById(id);
const whole = (value) => (value ?? 0).toLocaleString("en").replaceAll(",", "\u202f");

function put(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

/** A sentence as it is read on a page, not in a terminal. */
export function sentence(text) {
  return (text.charAt(0).toUpperCase() + text.slice(1)).replaceAll("`", "");
}

/** A duration in words: 3.1 ms, 1.2 s. */
export function durationWords(seconds) {
  if (!seconds) return "–";
  const [value, unit] = seconds < 1 ? [1000 * seconds, "ms"] : [seconds, "s"];
  return `${Number(value.toPrecision(2))} ${unit}`;
}

/** A rate in words. */
export function rateWords(rate_hz) {
  if (rate_hz === null || rate_hz === undefined) return "–";
  return rate_hz >= 100 ? whole(Math.round(rate_hz)) : rate_hz.toFixed(1);
}

/** @param {object} state as `GET /state` gives it */
export function showState(state) {
  const { frames, latency = {}, waiting } = state.figures ?? {};
  document.body.dataset.state = state.state;
  const part = state.part > 1 ? `, part ${state.part}` : "";
  put("series", state.series === null || state.series === undefined ? "No series yet" : `Series ${state.series}${part}`);
  put("state", STATES[state.state] ?? state.state);
  put("rate", rateWords(state.rate_hz));
  put("p50", durationWords(latency.p50_s));
  put("p95", durationWords(latency.p95_s));
  put("p99", durationWords(latency.p99_s));
  put("late", durationWords(latency.p99_s));
  put("waiting", whole(waiting));
  put("misfit", Number.isFinite(state.misfit) ? state.misfit.toPrecision(3) : "–");
  if (frames) showFrames(frames, state.frames_expected);
  put("model-now", state.model ? state.model.name : "no network: solver alone");
  byId("model-now").title = state.model?.digest ?? "";
  showModels(state);
  showVerdict(state.mend ? null : state.verdict);
  showMend(state.mend);
}

function showFrames(frames, expected) {
  const lost = Object.entries(frames.lost).filter(([, count]) => count);
  const total = lost.reduce((sum, [, count]) => sum + count, 0);
  put("received", whole(frames.received));
  put("placed", whole(frames.placed));
  put("lost", whole(total));
  byId("lost").parentElement.classList.toggle("alarm", total > 0);
  const list = byId("causes");
  list.replaceChildren(
    ...lost.map(([cause, count]) => {
      const item = document.createElement("li");
      item.textContent = `${whole(count)} ${CAUSES[cause] ?? cause}`;
      return item;
    }),
  );
  list.hidden = !lost.length;
  const part = expected ? Math.min(1, frames.placed / expected) : 0;
  byId("progress").value = part;
  put("expected", expected ? `of ${whole(expected)}` : "");
}

function showModels({ models = [], model }) {
  const choice = byId("model");
  const known = JSON.stringify(models);
  if (choice.dataset.known !== known) {
    choice.dataset.known = known;
    choice.replaceChildren(...models.map((name) => new Option(name, name, false, name === model?.name)));
  }
  byId("swap").hidden = !models.length;
}

function showVerdict(verdict) {
  byId("verdict").hidden = !verdict;
  if (!verdict) return;
  put("verdict-words", sentence(verdict.sentence ?? verdict.word));
  byId("verdict").dataset.word = verdict.word;
}

function showMend(mend) {
  byId("mend").hidden = !mend;
  if (!mend) return;
  put("mend-what", sentence(mend.what));
  put("mend-steps", mend.orientation ?? "");
}
