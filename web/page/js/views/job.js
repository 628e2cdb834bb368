// A training job, live: one bar a step.

import { call, follow, get } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { attempt, needsAccount, stateBadge, voicePath } from "../ui.js";

const STEPS = ["check", "clean", "slice", "phonemes", "features", "train", "evaluate", "measure", "push"];
const ENDED = ["succeeded", "failed", "cancelled"];

/** @param {HTMLElement} view @param {string} id @param {AbortSignal} signal @param {() => void} again shows this view anew */
export async function jobView(view, id, signal, again) {
  const closed = needsAccount();
  if (closed) return fill(view, closed);
  const path = `/training-jobs/${encodeURIComponent(id)}`;
  const head = h("div");
  const bars = new Map(STEPS.map((step) => [step, bar(step)]));
  const gone = h("p.note", { role: "status" });
  fill(view, head, gone, h("ul.steps.card", {}, ...[...bars.values()].map((one) => one.row)));
  let job = await get(path);
  const show = () => fill(head, ...heading(job, path, again));
  show();
  await follow(`${path}/events`, (event, data) => {
    if (event !== "progress") return false;
    if (data.progress) advance(bars, data.progress);
    if (data.job && data.job.state !== job.state) { job = data.job; show(); }
    return !data.progress && ENDED.includes(data.job?.state); // steps may still come before that one
  }, signal, (is) => { gone.textContent = is ? t("away") : ""; });
}

/** @param {string} step */
function bar(step) {
  const progress = /** @type {HTMLProgressElement} */ (h("progress", { max: 1, value: 0, "aria-label": t(`step_${step}`) }));
  const percent = h("span.small", {}, "");
  const note = h("span.note.remark");
  return { progress, percent, note, row: h("li", {}, h("span", {}, t(`step_${step}`)), progress, percent, note) };
}

/** @param {Map<string, any>} bars @param {any} progress */
function advance(bars, progress) {
  const at = STEPS.indexOf(progress.step);
  STEPS.slice(0, Math.max(at, 0)).forEach((step) => set(bars.get(step), 1));
  const now = bars.get(progress.step);
  if (!now) return;
  set(now, progress.fraction);
  now.note.textContent = progress.message;
}

/** @param {any} one @param {number} fraction */
function set(one, fraction) {
  one.progress.value = fraction;
  one.percent.textContent = `${Math.round(fraction * 100)} %`;
}

/** @param {any} job @param {string} path @param {() => void} again */
function heading(job, path, again) {
  const place = h("div");
  const act = (/** @type {string} */ verb) => {
    const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button" }, t(verb)));
    button.onclick = () => attempt(place, button, async () => { await call("POST", `${path}/${verb}`); again(); });
    return button;
  };
  const ended = ENDED.includes(job.state);
  const buttons = h("div.row", {}, stateBadge(job.state), !ended && act("cancel"), ["failed", "cancelled"].includes(job.state) && act("resume"), job.version_id && h("a.button.main", { href: voicePath(job) }, t("toVoice")));
  const failure = job.failure ? h("div.card.problem", { role: "alert" }, h("strong", {}, job.failure)) : null;
  return [h("div.title", {}, h("h1", {}, `${t("job")}: ${job.owner}/${job.name}`), buttons), failure, place];
}
