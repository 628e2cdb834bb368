// Signing up, logging in, and what is mine.

import { call, get, keepSession, session } from "../api.js";
import { field, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { attempt, needsAccount, problemCard, stateBadge, voicePath } from "../ui.js";

/** What the hub takes for a name, and the blanks that a keyboard leaves around it. */
const NAME = "\\s*[a-z0-9](?:[a-z0-9\\-]{0,37}[a-z0-9])?\\s*";

/** @param {HTMLElement} view @param {"login" | "signup"} kind @param {() => void} entered */
export function entryView(view, kind, entered) {
  const fresh = kind === "signup";
  const rule = fresh ? { pattern: NAME, title: t("nameNote") } : {};
  const name = /** @type {HTMLInputElement} */ (h("input", { name: "name", autocomplete: "username", required: true, maxlength: 39, autocapitalize: "none", ...rule }));
  const password = /** @type {HTMLInputElement} */ (
    h("input", { name: "password", type: "password", autocomplete: fresh ? "new-password" : "current-password", required: true, minlength: fresh ? 10 : 1, maxlength: 200 })
  );
  const button = /** @type {HTMLButtonElement} */ (h("button.main", { type: "submit" }, t(kind)));
  const place = h("div");
  let made = "";
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt(place, button, async () => {
      const who = { name: name.value.trim(), password: password.value };
      if (fresh && made !== who.name) await call("POST", "/accounts", who);
      made = who.name; // if the login fails now, the name is not taken by somebody else
      keepSession(await call("POST", "/sessions", who));
      entered();
    });
  };
  const other = h("a", { href: fresh ? "#/login" : "#/signup" }, t(fresh ? "haveAccount" : "noAccount"));
  const form = h("form.card", { onsubmit: submit }, field(t("name"), name, fresh ? t("nameNote") : ""), field(t("password"), password, fresh ? t("passwordNote") : ""), h("div.row", {}, button, other), place);
  fill(view, h("h1", {}, t(kind)), form);
  name.focus();
}

/** @param {HTMLElement} view */
export async function mineView(view) {
  const closed = needsAccount();
  if (closed) return fill(view, closed);
  const owner = session()?.account || "";
  const [repos, jobs] = await Promise.all([get(`/repos?owner=${encodeURIComponent(owner)}&size=100`), get("/training-jobs").catch((error) => ({ items: [], error }))]);
  const expired = needsAccount();
  if (expired) return fill(view, expired);
  const voices = repos.items.map((/** @type {any} */ repo) => h("li", {}, h("a", { href: voicePath(repo) }, repo.name), " ", h("span.small", {}, `${t(repo.visibility)} · ★ ${repo.stars}`)));
  const works = jobs.items.map((/** @type {any} */ job) => h("li", {}, h("a", { href: `#/jobs/${job.id}` }, job.name), " ", stateBadge(job.state)));
  fill(view, h("h1", {}, owner), section(t("voices"), voices), section(t("jobs"), works, jobs.error), h("a.button.main", { href: "#/make" }, t("make")));
}

/** @param {string} title @param {HTMLElement[]} items @param {unknown} [error] why they are not known */
function section(title, items, error) {
  const none = error ? problemCard(error) : h("p.note", {}, "–");
  return h("section.card", {}, h("h2", {}, title), items.length ? h("ul.list", {}, ...items) : none);
}
