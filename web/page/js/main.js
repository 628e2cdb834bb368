// The page: which view an address shows, the links on top, the language.

import { FORGOTTEN, KEPT, call, keepSession, session } from "./api.js";
import { fill, h } from "./dom.js";
import { language, t, toggle } from "./i18n.js";
import { problemCard } from "./ui.js";
import { entryView, mineView } from "./views/account.js";
import { jobView } from "./views/job.js";
import { makeView } from "./views/make.js";
import { searchView } from "./views/search.js";
import { voiceView } from "./views/voice.js";

const view = /** @type {HTMLElement} */ (document.getElementById("view"));
const links = /** @type {HTMLElement} */ (document.getElementById("links"));
let leaving = new AbortController();
/** Who was logged in when the view was built. @type {string | undefined} */
let builtFor;

/** Shows what the address after `#` names. */
async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const place = h("div");
  const [page = "", ...rest] = parts(location.hash);
  builtFor = session()?.account;
  frame(page);
  fill(view, place);
  try {
    await open(page, rest, new URLSearchParams(location.hash.split("?", 2)[1]), place, signal);
  } catch (error) {
    if (!signal.aborted) fill(place, problemCard(error));
  }
}

/** The parts of the address; one that cannot be decoded shows the front page. @param {string} address */
function parts(address) {
  try {
    return address.split("?", 1)[0].replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return [""];
  }
}

/** @param {string} page @param {string[]} rest @param {URLSearchParams} options @param {HTMLElement} place @param {AbortSignal} signal */
async function open(page, rest, options, place, signal) {
  const home = () => { location.hash = "#/mine"; };
  const address = location.hash;
  if (page === "voices") return voiceView(place, rest[0] || "", rest[1] || "", rest[2], signal);
  if (page === "jobs") return jobView(place, rest[0] || "", signal, () => {
    if (location.hash !== address) return; // who has gone on to something else is left at it
    show();
    view.focus();
  });
  if (page === "make") return makeView(place, signal);
  if (page === "mine") return mineView(place);
  if (page === "login" || page === "signup") return entryView(place, page, home);
  return searchView(place, rest.join("/"), options, signal);
}

/** The parts around the view, in the language of the moment. @param {string} page */
function frame(page) {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.getAttribute("data-text") || "");
  const link = (/** @type {string} */ to, /** @type {string} */ text) => h("a", { href: `#/${to}`, "aria-current": page === to && "page" }, text);
  const who = session();
  const swap = h("button.plain", { type: "button", lang: language() === "zh" ? "en" : "zh-CN", onclick: swapLanguage }, t("other"));
  const leave = h("button.plain", { type: "button", onclick: logOut }, t("logout"));
  fill(links, link("search", t("search")), link("make", t("make")), who ? link("mine", who.account) : link("login", t("login")), who ? leave : link("signup", t("signup")), swap);
}

/** Its button is a new one, in the other language. */
function swapLanguage() {
  toggle();
  show();
  /** @type {HTMLElement | null} */ (links.lastElementChild)?.focus();
}

async function logOut() {
  await call("DELETE", "/sessions/current").catch(() => undefined);
  keepSession(null);
  location.hash = "#/";
  show();
  view.focus();
}

document.querySelector("a.skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the address after # names a view, never a place in it
  view.focus();
});
addEventListener("hashchange", () => { show(); view.focus(); });
addEventListener(FORGOTTEN, () => frame(parts(location.hash)[0]));
addEventListener("storage", (event) => {
  if (event.key !== KEPT && event.key !== null) return;
  const page = parts(location.hash)[0]; // another tab logged in or out: this one acts for the same account
  const who = session()?.account;
  const another = who && who !== builtFor; // a recording under way ends for nobody else
  if (["mine", "jobs"].includes(page) || (page === "make" && another)) show();
  else frame(page);
});
show();
