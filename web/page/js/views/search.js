// Search: the box, what the words were understood as, and the hits.

import { get } from "../api.js";
import { add, fill, h } from "../dom.js";
import { localised, t } from "../i18n.js";
import { soundBox } from "./sound.js";
import { baseLine, player, problemCard, repoPath, tagList, voicePath } from "../ui.js";

const EXAMPLES = ["英语 男性 叙事", "English male narrator", "粤语 老年 男性"];

/** @param {HTMLElement} view @param {string} [query] */
export async function searchView(view, query = "") {
  const list = h("ul.hits");
  const head = h("div", { "aria-live": "polite" });
  const foot = h("div");
  const alike = (/** @type {any[]} */ items) => (fill(head), fill(foot), fill(list, ...items.map(hitCard)));
  const hero = h("div.hero", {}, h("h1", {}, t("headline")), h("p.lead", {}, t("lead")), box(query), examples(), soundBox(alike));
  fill(view, hero, head, list, foot);
  await page(query, "", head, list, foot);
}

/** @param {string} query */
function box(query) {
  const input = /** @type {HTMLInputElement} */ (
    h("input", { type: "search", name: "q", value: query, placeholder: t("queryHint"), "aria-label": t("query"), maxlength: 500 })
  );
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    location.hash = `#/search/${encodeURIComponent(input.value.trim())}`;
  };
  return h("form.searchbox", { role: "search", onsubmit: submit }, input, h("button.main", { type: "submit" }, t("search")));
}

const examples = () =>
  h("div.examples", {}, ...EXAMPLES.map((text) => h("a.tag", { href: `#/search/${encodeURIComponent(text)}` }, text)));

/** @param {string} query @param {string} cursor @param {HTMLElement} head @param {HTMLElement} list @param {HTMLElement} foot */
async function page(query, cursor, head, list, foot) {
  fill(foot, h("p.note", {}, t("loading")));
  try {
    const found = await get(`/search?q=${encodeURIComponent(query)}&cursor=${encodeURIComponent(cursor)}`);
    fill(head, summary(query, found));
    for (const hit of found.items) add(list, hitCard(hit));
    const next = () => page(query, found.next_cursor, head, list, foot);
    fill(foot, found.next_cursor ? h("button", { type: "button", onclick: next }, t("more")) : null);
    if (!found.items.length && !cursor) fill(foot, h("p.card.empty", {}, t(query ? "nothing" : "noneYet"), " ", h("a", { href: "#/make" }, t("make"))));
  } catch (error) {
    fill(foot, problemCard(error));
  }
}

/** @param {string} query @param {any} found */
function summary(query, found) {
  const understood = found.chips.map((/** @type {any} */ chip) =>
    h("a.tag", { href: `#/search/${encodeURIComponent(chip.without)}`, title: t("removeChip") }, `${chip.key}: ${chip.value} ×`),
  );
  const line = h("div.row", {}, h("h2", {}, query ? t("found", { n: found.total }) : t("newest")));
  if (understood.length) add(line, h("span.small", {}, t("understood")), ...understood);
  return line;
}

/** @param {any} hit */
function hitCard(hit) {
  const repo = hit.repository;
  const base = h("div");
  get(`${repoPath(repo)}/versions/${hit.version}`).then(baseLine).then((line) => fill(base, line), () => fill(base));
  const title = h("h3", {}, h("a", { href: voicePath(repo) }, `${repo.owner}/${repo.name}`));
  const text = h("div", {}, title, h("p", {}, localised(hit, "description")), tagList(hit.tags), base);
  const side = h("div", {}, hit.sample ? player(repo, hit.version, hit.sample) : h("p.note", {}, t("noSample")), h("p.small", {}, `★ ${t("stars", { n: repo.stars })}`));
  return h("li.card.hit", {}, text, side);
}
