// Small pieces that several views share.

import { Problem, blob, doneBefore, get, session } from "./api.js";
import { fill, h } from "./dom.js";
import { localised, t } from "./i18n.js";

/** @param {unknown} error */
export function problemCard(error) {
  const problem = error instanceof Problem ? error : null;
  const closed = ["INVALID_TOKEN", "LOGIN_REQUIRED"].includes(problem?.reason || "");
  const trains = problem && doneBefore(problem) && problem.path === "/training-jobs";
  const wayOn = closed ? h("a", { href: "#/login" }, t("loginFirst")) : trains ? h("a", { href: "#/mine" }, t("doneBeforeHint")) : problem && worded(problem)[1];
  return h("div.card.problem", { role: "alert" }, h("strong", {}, said(error)), wayOn && h("p", {}, wayOn));
}

/** What is wrong, in a line. @param {unknown} error */
export function said(error) {
  if (error instanceof Problem) return worded(error)[0];
  return String(error instanceof Error ? error.message : error);
}

/** What is wrong and what to do: the hub's words, except for what the page knows better. @param {Problem} problem */
function worded(problem) {
  if (problem.status === 404) return [t("notFound"), t("notFoundHint")];
  if (problem.status === 0) return [t("unreachable"), t("unreachableHint")];
  if (doneBefore(problem)) return [t("doneBefore"), ""];
  return [problem.reason === "INVALID_TOKEN" ? t("expired") : problem.message, problem.hint];
}

/** Puts the cursor back where an element that had it could not keep it. @param {boolean} had @param {HTMLElement | null | undefined} to */
export function refocus(had, to) {
  if (had && [document.body, null].includes(/** @type {HTMLElement | null} */ (document.activeElement))) to?.focus();
}

/** Runs a form's action: the button rests meanwhile, a problem is shown in `place`. */
/** @param {HTMLElement} place @param {HTMLButtonElement} button @param {() => Promise<void>} action */
export async function attempt(place, button, action) {
  const had = document.activeElement === button;
  button.disabled = true;
  fill(place);
  try {
    await action();
  } catch (error) {
    fill(place, problemCard(error));
  } finally {
    button.disabled = false;
    refocus(had, button);
  }
}

/** @param {string} message */
export function announce(message) {
  const status = document.getElementById("status");
  if (!status) return;
  status.textContent = message;
  status.hidden = false;
  setTimeout(() => (status.hidden = true), 4000);
}

/** @param {string} state */
export const stateBadge = (state) =>
  h(`span.state.${["published", "succeeded", "quarantined", "failed"].includes(state) ? state : "other"}`, {}, t(`state_${state}`));

/** @param {{owner: string, name: string}} repo */
export const voicePath = (repo) => `#/voices/${encodeURIComponent(repo.owner)}/${encodeURIComponent(repo.name)}`;

/** @param {{owner: string, name: string}} repo */
export const repoPath = (repo) => `/repos/${encodeURIComponent(repo.owner)}/${encodeURIComponent(repo.name)}`;

/** @param {string[]} tags */
export const tagList = (tags) =>
  h("ul.tags", {}, ...tags.map((tag) => h("li", {}, h("a.tag", { href: `#/search/${encodeURIComponent(tag)}` }, tag))));

/** One sound at a time: starting one pauses the others. */
document.addEventListener(
  "play",
  (event) => document.querySelectorAll("audio").forEach((other) => other !== event.target && other.pause()),
  true,
);

/** A player of a sample; a private one is fetched with the token at the first listen. */
/** @param {{owner: string, name: string, visibility?: string}} repo @param {string} version @param {any} sample */
export function player(repo, version, sample) {
  const path = `${repoPath(repo)}/versions/${encodeURIComponent(version)}/objects/${sample.object.digest}`;
  const label = `${t("listen")}: ${sample.text || `${repo.owner}/${repo.name}`}`;
  const audio = /** @type {HTMLAudioElement} */ (h("audio", { controls: true, preload: "none", "aria-label": label }));
  if (repo.visibility === "public") audio.src = `/v1${path}`;
  else blob(path).then((bytes) => (audio.src = URL.createObjectURL(bytes)), () => audio.replaceWith(h("span.note", {}, t("noSample"))));
  return audio;
}

/** @type {Promise<any[]> | null} */
let known = null;

/** The bases of the hub, asked once. @returns {Promise<any[]>} */
export function bases() {
  known ||= get("/bases").then((page) => page.items, () => { known = null; return []; });
  return known;
}

/** The line that names a version's base and what quality to expect of it. @param {any} version */
export async function baseLine(version) {
  const wanted = new Set([version.card?.base, ...Object.values(version.requires || {})].filter(Boolean));
  const found = (await bases()).find((base) => wanted.has(base.digest) || wanted.has(base.name));
  if (!found) return wanted.size ? h("p.note", {}, t("baseUnknown", { what: String([...wanted][0]).slice(0, 40) })) : null;
  return h("p.note", {}, h("strong", {}, `${t("base")}: ${found.name}`), " · ", localised(found, "quality"));
}

/** A view for people with an account; others are shown the way in. */
export const needsAccount = () => (session() ? null : h("p.card", {}, h("a", { href: "#/login" }, t("loginFirst"))));
