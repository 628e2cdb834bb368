// One voice: hear it, know it, pull it, talk about it.

import { Problem, call, follow, get, patiently, session, speech } from "../api.js";
import { add, field, fill, h, select } from "../dom.js";
import { LANGUAGES, has, localised, t } from "../i18n.js";
import { announce, attempt, baseLine, player, repoPath, said, stateBadge, tagList } from "../ui.js";
import { likenessCard } from "./likeness.js";
import { scanCard } from "./report.js";

const FINAL = ["published", "quarantined", "erased"];
const FACTS = ["languages", "gender", "age", "persona", "emotions", "styles", "timbres", "license", "source", "consent", "base"];

/** @param {HTMLElement} view @param {string} owner @param {string} name @param {string | undefined} ref @param {AbortSignal} signal */
export async function voiceView(view, owner, name, ref, signal) {
  const path = repoPath({ owner, name });
  const repo = await get(path);
  const versions = (await get(`${path}/versions?size=20`)).items;
  const wanted = ref || repo.head || versions[0]?.id;
  const version = wanted ? await get(`${path}/versions/${encodeURIComponent(wanted)}`) : null;
  const about = h("div", {}, ...(version ? await aboutVersion(repo, version) : [h("p.card", {}, t("noneYet"))]));
  const side = h("div", {}, version && pullCard(repo), likenessCard(repo), versionsCard(repo, versions, version), commentsCard(path), reportCard(path));
  const begun = written(view);
  fill(view, heading(repo, path, version), h("div.columns", {}, about, side));
  begun();
  if (!version || FINAL.includes(version.state)) return;
  await follow(`${path}/versions/${version.id}/events`, (event, data) => event === "state" && data.state !== version.state, signal);
  await patiently(() => voiceView(view, owner, name, ref, signal), signal);
}

/** What puts back into a view shown anew what somebody was writing in it, and the cursor. @param {HTMLElement} view */
function written(view) {
  /** @returns {Array<HTMLInputElement | HTMLTextAreaElement>} */
  const fields = () => [.../** @type {NodeListOf<HTMLInputElement>} */ (view.querySelectorAll("[name=comment], [name=reason]"))];
  const kept = fields().map(({ name, value }) => ({ name, value }));
  const focused = fields().find((field) => field === document.activeElement)?.name;
  return () => {
    for (const field of fields()) {
      field.value = kept.find(({ name }) => name === field.name)?.value ?? "";
      if (!field.value) continue;
      const folded = field.closest("details");
      if (folded) folded.open = true;
      if (field.name === focused) field.focus();
    }
  };
}

/** @param {any} repo @param {string} path @param {any} version */
function heading(repo, path, version) {
  const title = h("h1", {}, `${repo.owner}/${repo.name}`);
  const marks = h("div.row", {}, repo.visibility === "private" && h("span.tag", {}, t("private")), version && stateBadge(version.state), starButton(repo, path));
  return h("div.heading", {}, h("div.title", {}, title, marks), version && h("p.lead", {}, localised(version, "description")), version && tagList(tagsOf(version.card)));
}

/** @param {any} card */
function tagsOf(card) {
  const lists = [card.languages, card.styles, card.emotions, card.timbres, card.tags].filter(Array.isArray).flat();
  return [...new Set([...lists, card.gender, card.age, card.persona].filter((tag) => typeof tag === "string" && tag))];
}

/** @param {any} repo @param {string} path */
function starButton(repo, path) {
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button" }));
  const show = (/** @type {any} */ now) => {
    button.setAttribute("aria-pressed", String(now.starred_by_caller));
    button.textContent = `${now.starred_by_caller ? "★" : "☆"} ${t(now.starred_by_caller ? "unstar" : "star")} · ${now.stars}`;
    button.onclick = async () => {
      if (!session()) return announce(t("loginFirst"));
      try {
        show(await call(now.starred_by_caller ? "DELETE" : "PUT", `${path}/star`));
      } catch (error) {
        announce(said(error));
      }
    };
  };
  show(repo);
  return button;
}

/** @param {any} repo @param {any} version */
async function aboutVersion(repo, version) {
  const samples = version.samples.map((/** @type {any} */ sample) => h("div.field", {}, h("p.small", {}, `“${sample.text}”`), player(repo, version.id, sample)));
  const heard = h("section.card", {}, h("h2", {}, t("listen")), ...(samples.length ? samples : [h("p.note", {}, version.not_auditionable || t("noSample"))]), await baseLine(version));
  const mayTry = version.state === "published" && !version.not_auditionable;
  return [heard, mayTry && auditionCard(repo, version), factsCard(version), figuresCard(version), scanCard(repoPath(repo), version)];
}

/** @param {any} repo @param {any} version */
function auditionCard(repo, version) {
  const text = /** @type {HTMLTextAreaElement} */ (h("textarea", { maxlength: 500, required: true, rows: 3 }));
  const spoken = [...new Set([...(version.card.languages || []), ...LANGUAGES])];
  const language = /** @type {HTMLSelectElement} */ (select("language", spoken.map((code) => [code, t(`lang_${code}`)])));
  const button = /** @type {HTMLButtonElement} */ (h("button.main", { type: "submit" }, t("speak")));
  const place = h("div", { "aria-live": "polite" });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt(place, button, async () => {
      fill(place, h("p.note", {}, t("speaking")));
      const voice = `${repo.owner}/${repo.name}@${version.id}`;
      const { audio, leftOut } = await speech({ voice, text: text.value, language: language.value });
      const url = URL.createObjectURL(audio);
      const told = leftOut.length ? h("p.note", {}, t("leftOut", { what: leftOut.join(", ") })) : null;
      const save = h("a", { href: url, download: `${repo.name}.wav` }, t("download"));
      fill(place, h("audio", { controls: true, src: url, autoplay: true, "aria-label": t("audition") }), told, h("p.small", {}, save));
    });
  };
  const form = h("form", { onsubmit: submit }, field(t("text"), text), field(t("language"), language), h("div.row", {}, button), place);
  return h("section.card", {}, h("h2", {}, t("audition")), form);
}

/** @param {any} version */
function factsCard(version) {
  const { card, declaration } = version;
  const declared = new Set(Array.isArray(card.declared) ? card.declared : []);
  const rows = FACTS.filter((key) => shown(card[key])).map((key) => [named(key), worded(key, card[key]), declared.has(key) ? t("declared") : ""]);
  for (const [key, value] of Object.entries(declaration || {})) if (!(key in card)) rows.push([named(key), worded(key, value), t("declared")]);
  for (const [key, entry] of Object.entries(card.measured || {})) rows.push([named(key), `${judged(key, entry.value)} ${entry.unit || ""}`, `${t("measured")}: ${inWords("how", entry.how) || ""}`]);
  return h("section.card", {}, h("h2", {}, t("card")), table([t("whatCol"), t("value"), t("how")], rows));
}

/** @param {string} key */
const named = (key) => (has(`key_${key}`) ? t(`key_${key}`) : key.replaceAll("_", " "));

/** A word of the hub in the reader's language, if it is known. @param {string} kind @param {any} word */
const inWords = (kind, word) => (has(`${kind}_${word}`) ? t(`${kind}_${word}`) : word);

/** What was measured: a number, or what the numbers say. @param {string} key @param {unknown} value */
const judged = (key, value) => (typeof value === "string" ? inWords(key, value) : number(value));

/** A fact in the reader's language where there are words for it. @param {string} key @param {unknown} value */
function worded(key, value) {
  if (key === "languages" && Array.isArray(value)) return value.map((code) => t(`lang_${code}`)).join(", ");
  const known = `${key === "consent" ? "consent_" : ""}${String(value)}`;
  return ["gender", "age", "consent"].includes(key) && has(known) ? t(known) : shown(value);
}

/** What was computed of the voice; lists of numbers (the speaker's embedding) are for machines. @param {any} version */
function figuresCard(version) {
  const rows = Object.entries(version.figures || {}).filter(([, value]) => !Array.isArray(value)).map(([key, value]) => [named(key), typeof value === "object" ? shown(value) : number(value)]);
  return rows.length ? h("section.card", {}, h("h2", {}, t("figures")), table([t("whatCol"), t("value")], rows)) : null;
}

/** @param {any} repo */
const pullCard = (repo) =>
  h("section.card", {}, h("h2", {}, t("pull")), h("p.note", {}, t("pullNote")), h("pre", {}, h("code", {}, `voicehub pull ${repo.owner}/${repo.name}\nvoicehub say ${repo.owner}/${repo.name} "…"`)));

/** @param {any} repo @param {any[]} versions @param {any} current */
function versionsCard(repo, versions, current) {
  const items = versions.map((version) => {
    const link = `#/voices/${encodeURIComponent(repo.owner)}/${encodeURIComponent(repo.name)}/${version.id}`;
    const day = (version.create_time || "").slice(0, 10);
    return h("li", {}, h("a", { href: link, "aria-current": version.id === current?.id && "true" }, version.message || version.id.slice(0, 8)), " ", h("span.small", {}, `${day} · ${version.family} `), stateBadge(version.state));
  });
  return h("section.card", {}, h("h2", {}, t("versions")), h("ul.list", {}, ...items));
}

/** @param {string} path */
function commentsCard(path) {
  const list = h("div");
  const text = /** @type {HTMLTextAreaElement} */ (h("textarea", { name: "comment", maxlength: 5000, required: true, rows: 2 }));
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "submit" }, t("send")));
  const place = h("div");
  const show = (/** @type {any} */ comment) => h("div.comment", {}, h("strong", {}, comment.author), " ", h("span.small", {}, (comment.create_time || "").slice(0, 10)), h("p", {}, comment.text));
  get(`${path}/comments?size=100`).then((page) => add(list, ...page.items.map(show)), () => undefined);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt(place, button, async () => {
      add(list, show(await call("POST", `${path}/comments`, { text: text.value })));
      text.value = "";
    });
  };
  const form = session() ? h("form", { onsubmit: submit }, field(t("comment"), text), button, place) : h("p", {}, h("a", { href: "#/login" }, t("loginFirst")));
  return h("section.card", {}, h("h2", {}, t("comments")), list, form);
}

/** @param {string} path */
function reportCard(path) {
  const reason = /** @type {HTMLInputElement} */ (h("input", { name: "reason", maxlength: 2000, required: true }));
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "submit" }, t("send")));
  const place = h("div");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt(place, button, async () => {
      if (!session()) throw new Problem(401, { detail: t("loginFirst") });
      await call("POST", `${path}/reports`, { reason: reason.value });
      fill(place, h("p", {}, t("reported")));
    });
  };
  return h("details.card", {}, h("summary", {}, t("report")), h("form", { onsubmit: submit }, field(t("reportWhy"), reason), button, place));
}

/** @param {string[]} head @param {any[][]} rows */
function table(head, rows) {
  const named = head.some(Boolean) ? h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))) : null;
  return h("div.wide", {}, h("table", {}, named, h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell)))))));
}

/** @param {unknown} value @returns {string} */
function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return value && typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
}

/** @param {unknown} value */
const number = (value) => (typeof value === "number" ? String(Math.round(value * 1000) / 1000) : shown(value));
