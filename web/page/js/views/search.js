// Search: the box with its suggestions, what the words were understood as, and the hits.

import { get } from "../api.js";
import { add, fill, h, select } from "../dom.js";
import { localised, t } from "../i18n.js";
import { narrowing } from "./narrowing.js";
import { soundBox } from "./sound.js";
import { baseLine, player, problemCard, refocus, repoPath, tagList, voicePath } from "../ui.js";

/** @typedef {{query: string, order: string, forks: string}} Asked what is searched, what comes first, and which forks */

const EXAMPLES = ["英语 男性 叙事", "English male narrator", "粤语 老年 男性"];
const ORDERS = ["relevance", "newest", "stars", "downloads", "mos"];
const TYPING_MS = 150;

/** @param {HTMLElement} view @param {string} query @param {URLSearchParams} options @param {AbortSignal} signal */
export async function searchView(view, query, options, signal) {
  const asked = { query, order: options.get("order") || "", forks: options.get("forks") || "" };
  const list = h("ul.hits");
  const head = h("div", { "aria-live": "polite" });
  const foot = h("div");
  const alike = (/** @type {any[]} */ items) => (fill(head), fill(foot), fill(list, ...items.map((hit) => hitCard(hit, asked))));
  const hero = h("div.hero", {}, h("h1", {}, t("headline")), h("p.lead", {}, t("lead")), box(asked), examples(), soundBox(alike, signal));
  fill(view, hero, head, list, foot);
  await page(asked, "", head, list, foot);
}

/** Where a search is shown. @param {Asked} asked */
function address({ query, order, forks }) {
  const options = String(new URLSearchParams(said({ order, forks })));
  return `#/search/${encodeURIComponent(query)}${options && `?${options}`}`;
}

/** Without what is left open. @param {Record<string, string>} options */
const said = (options) => Object.entries(options).filter(([, value]) => value);

/** @param {Asked} asked */
function box(asked) {
  const known = h("datalist", { id: "suggestions" });
  const input = /** @type {HTMLInputElement} */ (
    h("input", { type: "search", name: "q", value: asked.query, placeholder: t("queryHint"), "aria-label": t("query"), maxlength: 500, list: known.id, autocomplete: "off" })
  );
  input.addEventListener("input", suggesting(input, known));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const wanted = address({ ...asked, query: input.value.trim() });
    if (wanted === location.hash) dispatchEvent(new Event("hashchange")); // the same once more: the hub may have been away
    else location.hash = wanted;
  };
  return h("form.searchbox", { role: "search", onsubmit: submit }, input, known, h("button.main", { type: "submit" }, t("search")));
}

/** Asks for suggestions when the typing rests; only the newest answer is shown. @param {HTMLInputElement} input @param {HTMLElement} known */
function suggesting(input, known) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    const typed = input.value;
    timer = setTimeout(async () => {
      const found = await get(`/search/suggestions?q=${encodeURIComponent(typed)}`).catch(() => ({ items: [] }));
      if (input.value === typed) fill(known, ...found.items.map((/** @type {string} */ text) => h("option", { value: text })));
    }, TYPING_MS);
  };
}

const examples = () =>
  h("div.examples", {}, ...EXAMPLES.map((text) => h("a.tag", { href: `#/search/${encodeURIComponent(text)}` }, text)));

/** @param {Asked} asked @param {string} cursor @param {HTMLElement} head @param {HTMLElement} list @param {HTMLElement} foot */
async function page(asked, cursor, head, list, foot) {
  const led = foot.contains(document.activeElement);
  fill(foot, h("p.note", {}, t("loading")));
  try {
    const { query, order, forks } = asked;
    const found = await get(`/search?${new URLSearchParams(said({ q: query, cursor, order, forks }))}`);
    fill(head, summary(asked, found), narrowing(found.facets, found.chips, query, (narrowed) => address({ ...asked, query: narrowed })));
    /** @type {HTMLElement[]} */
    const cards = found.items.map((/** @type {any} */ hit) => hitCard(hit, asked));
    add(list, ...cards);
    fill(foot, found.next_cursor && moreButton(() => page(asked, found.next_cursor, head, list, foot)));
    refocus(led, cards[0]?.querySelector("a"));
    if (!found.items.length && !cursor) fill(foot, h("p.card.empty", {}, t(query ? "nothing" : "noneYet"), " ", h("a", { href: "#/make" }, t("make"))));
  } catch (error) {
    fill(foot, problemCard(error), cursor && moreButton(() => page(asked, cursor, head, list, foot)));
    refocus(led, foot.querySelector("button"));
  }
}

/** @param {() => void} next */
const moreButton = (next) => h("button", { type: "button", onclick: next }, t("more"));

/** @param {Asked} asked @param {any} found */
function summary(asked, found) {
  const understood = found.chips.map((/** @type {any} */ chip) =>
    h("a.tag", { href: address({ ...asked, query: chip.without }), title: t("removeChip") }, `${chip.key}: ${chip.value} ×`),
  );
  const line = h("div.row", {}, h("h2", {}, asked.query ? t("found", { n: found.total }) : t("newest")));
  if (understood.length) add(line, h("span.small", {}, t("understood")), ...understood);
  if (asked.forks) add(line, h("a.tag", { href: address({ ...asked, forks: "" }) }, `${t("everyFork")} ×`));
  const order = /** @type {HTMLSelectElement} */ (
    select("order", ORDERS.map((one) => [one, t(`order_${one}`)]), { "aria-label": t("order"), onchange: () => { location.hash = address({ ...asked, order: order.value }); } })
  );
  order.value = ORDERS.includes(asked.order) ? asked.order : "relevance";
  return h("div.title", {}, line, h("div", {}, order));
}

/** @param {any} hit @param {Asked} asked */
function hitCard(hit, asked) {
  const repo = hit.repository;
  const base = h("div");
  get(`${repoPath(repo)}/versions/${hit.version}`).then(baseLine).then((line) => fill(base, line), () => fill(base));
  const title = h("h3", {}, h("a", { href: voicePath(repo) }, `${repo.owner}/${repo.name}`));
  const text = h("div", {}, title, h("p", {}, ...marked(localised(hit, "description"), hit.highlights || [])), tagList(hit.tags), base);
  const more = hit.forks ? h("a", { href: address({ ...asked, forks: "all" }) }, t("forksFolded", { n: hit.forks })) : null;
  const liked = h("p.small", {}, `★ ${t("stars", { n: repo.stars })}`, more && " · ", more);
  const side = h("div", {}, hit.sample ? player(repo, hit.version, hit.sample) : h("p.note", {}, t("noSample")), liked);
  return h("li.card.hit", {}, text, side);
}

/** A text with the parts that answer the query marked. @param {string} text @param {string[]} parts @returns {Array<Node | string>} */
function marked(text, parts) {
  const places = parts.filter(Boolean).map((part) => [text.indexOf(part), part.length]).filter(([at]) => at >= 0).sort(([a], [b]) => a - b);
  const pieces = [];
  let done = 0;
  for (const [at, length] of places) {
    if (at < done) continue;
    pieces.push(text.slice(done, at), h("mark", {}, text.slice(at, at + length)));
    done = at + length;
  }
  return [...pieces, text.slice(done)];
}
