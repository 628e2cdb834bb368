// The alarm: the owner protects a voice, and both sides are told what came too close.

import { call, get, session } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { announce, repoPath, said } from "../ui.js";

/** For the owner: the switch, and what was noted. @param {any} repo */
export function likenessCard(repo) {
  const place = h("div");
  if (session()?.account !== repo.owner) return place;
  const notices = h("div", { role: "status" });
  fill(place, h("section.card", {}, protectButton(repo), h("p.small", {}, t("protectNote")), notices));
  get(`${repoPath(repo)}/likenesses`).then((found) => fill(notices, ...notes(found.items)), () => fill(notices));
  return place;
}

/** @param {any} repo */
function protectButton(repo) {
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button" }));
  const show = (/** @type {any} */ now) => {
    button.setAttribute("aria-pressed", String(now.protected));
    button.textContent = t(now.protected ? "unprotect" : "protect");
    button.onclick = () => call(now.protected ? "DELETE" : "PUT", `${repoPath(repo)}/protection`).then(show, (error) => announce(said(error)));
  };
  show(repo);
  return button;
}

/** @param {any[]} items */
function notes(items) {
  const name = (/** @type {string} */ owner, /** @type {string} */ voice) => (voice ? `${owner}/${voice}` : t("someVoice"));
  const line = (/** @type {any} */ one) =>
    t("tooCloseLine", { one: name(one.owner, one.name), other: name(one.protected_owner, one.protected_name), n: one.similarity.toFixed(2) });
  return items.length ? [h("h3", {}, t("tooClose")), h("ul", {}, ...items.map((one) => h("li", {}, line(one))))] : [];
}
