// From one minute of speech to a training job.

import { call, refused, session, upload } from "../api.js";
import { field, fill, h, select } from "../dom.js";
import { LANGUAGES, t } from "../i18n.js";
import { PASSAGES } from "../passages.js";
import { recordButton } from "../record.js";
import { announce, attempt, needsAccount, said } from "../ui.js";

const LICENSES = ["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "LicenseRef-Proprietary"];
const CONSENTS = [["self", "consentSelf"], ["written-permission", "consentWritten"], ["public-domain", "consentPublic"], ["licensed", "consentLicensed"]];
const MOST_SECONDS = 120;

/**
 * What somebody is making: the recording, the id of its upload once it is on the hub, the fields as they were left, and
 * what is under way. It outlives the view, which is shown anew in another language or after a new login.
 * @typedef {{account: string, file: Blob | null, filename: string, upload: string, fields: Record<string, FormDataEntryValue>, sending: Promise<any> | null, progress: (fraction: number) => void}} Draft
 */

/** @param {string} account @returns {Draft} */
const blank = (account) => ({ account, file: null, filename: "", upload: "", fields: {}, sending: null, progress: () => undefined });
let kept = blank("");

/** @param {HTMLElement} view @param {AbortSignal} signal */
export function makeView(view, signal) {
  const closed = needsAccount();
  if (closed) return fill(view, h("h1", {}, t("make")), h("p.lead", {}, t("makeLead")), closed);
  const account = session()?.account || "";
  if (kept.account !== account) kept = blank(account);
  const draft = kept;
  const language = /** @type {HTMLSelectElement} */ (select("language", LANGUAGES.map((code) => [code, t(`lang_${code}`)])));
  const transcript = /** @type {HTMLTextAreaElement} */ (h("textarea", { name: "transcript", required: true, maxlength: 20000, rows: 5 }));
  const button = /** @type {HTMLButtonElement} */ (h("button.main", { type: "submit" }, t("train")));
  const place = h("div", { "aria-live": "polite" });
  const form = /** @type {HTMLFormElement} */ (
    h("form", {}, aboutFields(language), recordingFields(draft, language, transcript, signal), declarationFields(), h("div.row", {}, button), place)
  );
  const go = () => attempt(place, button, () => train(form, draft, place, signal));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  putBack(form, draft.fields);
  signal.addEventListener("abort", () => { draft.fields = Object.fromEntries(new FormData(form)); });
  if (draft.sending) go();
  fill(view, h("h1", {}, t("make")), h("p.lead", {}, t("makeLead")), form);
}

/** @param {HTMLFormElement} form @param {Record<string, FormDataEntryValue>} fields */
function putBack(form, fields) {
  if (!Object.keys(fields).length) return;
  for (const one of /** @type {HTMLCollectionOf<HTMLInputElement>} */ (form.elements)) {
    if (["radio", "checkbox"].includes(one.type)) one.checked = fields[one.name] === one.value;
    else if (one.name in fields) one.value = String(fields[one.name]);
  }
}

/** @param {HTMLSelectElement} language */
function aboutFields(language) {
  const options = (/** @type {string[]} */ names) => /** @type {Array<[string, string]>} */ ([["", t("notSaid")], ...names.map((name) => [name, t(name)])]);
  const name = h("input", { name: "name", required: true, maxlength: 64, pattern: "[a-z0-9](?:[a-z0-9._\\-]{0,62}[a-z0-9])?", title: t("voiceNameNote"), autocapitalize: "none" });
  return h(
    "fieldset", {}, h("legend", {}, t("aboutVoice")),
    h("div.pair", {}, field(t("voiceName"), name, t("voiceNameNote")), field(t("language"), language)),
    h("div.pair", {}, field(t("gender"), select("gender", options(["male", "female", "neutral"]))), field(t("age"), select("age", options(["child", "teen", "young", "middle", "senior"])))),
    field(t("persona"), h("input", { name: "persona", maxlength: 60, placeholder: t("personaHint") })),
  );
}

/** @param {Draft} draft @param {HTMLSelectElement} language @param {HTMLTextAreaElement} transcript @param {AbortSignal} signal */
function recordingFields(draft, language, transcript, signal) {
  const script = h("p.script");
  const reading = h("div", { hidden: true }, h("p.note", {}, t("readThis")), script);
  const level = h("meter.level", { min: 0, max: 1, high: 0.95, optimum: 0.4, value: 0, "aria-label": t("recording") });
  const clock = h("span.note", { "aria-live": "off" }, t("seconds", { n: 0 }));
  const heard = h("div");
  const trouble = h("div");
  const file = /** @type {HTMLInputElement} */ (h("input", { type: "file", accept: "audio/*,.wav,.flac,.mp3,.ogg,.opus,.m4a" }));
  let heardAt = "";
  const forget = () => URL.revokeObjectURL(heardAt);
  signal.addEventListener("abort", forget);
  const hear = (/** @type {Blob} */ blob) => {
    forget();
    heardAt = URL.createObjectURL(blob);
    fill(heard, h("audio", { controls: true, src: heardAt, "aria-label": t("recording") }));
  };
  const take = (/** @type {Blob} */ blob, /** @type {string} */ filename) => {
    Object.assign(draft, { file: blob, filename, upload: "" });
    if (!signal.aborted) hear(blob);
  };
  if (draft.file) hear(draft.file);
  file.addEventListener("change", () => file.files?.[0] && take(file.files[0], file.files[0].name));
  const began = () => {
    const own = transcript.value.trim() && !Object.values(PASSAGES).includes(transcript.value);
    if (!own) transcript.value = PASSAGES[language.value] || "";
    script.textContent = transcript.value;
    reading.hidden = !script.textContent;
    button.textContent = `■ ${t("stop")}`;
    clock.textContent = t("seconds", { n: 0 });
    fill(trouble);
  };
  const button = recordButton({
    most: MOST_SECONDS, signal, began,
    level: (seconds, loud) => {
      level.setAttribute("value", String(loud));
      clock.textContent = t("seconds", { n: Math.floor(seconds) });
    },
    take: (blob) => {
      button.textContent = `● ${t("again")}`;
      take(blob, "recording.wav");
    },
    failed: (why) => fill(trouble, h("p.note", { role: "alert" }, why)),
  });
  return h("fieldset", {}, h("legend", {}, t("recording")), h("div.row", {}, button, clock), level, reading, heard, trouble, field(t("orFile"), file), field(t("transcript"), transcript, t("transcriptNote")));
}

function declarationFields() {
  const choices = CONSENTS.map(([value, key]) => h("label.choice", {}, h("input", { type: "radio", name: "consent", value, required: true }), t(key)));
  const flag = (/** @type {string} */ name, /** @type {string} */ key) => h("label.choice", {}, h("input", { type: "checkbox", name }), t(key));
  return h(
    "fieldset", {}, h("legend", {}, t("declaration")),
    h("div.field", { role: "radiogroup", "aria-label": t("consent") }, ...choices),
    h("div.pair", {}, field(t("source"), h("input", { name: "source", required: true, maxlength: 500, placeholder: t("sourceHint") })), field(t("license"), select("license", LICENSES.map((id) => [id, id])))),
    flag("private", "keepPrivate"), flag("quick", "quick"),
  );
}

/** @param {HTMLFormElement} form @param {Draft} draft @param {HTMLElement} place @param {AbortSignal} signal */
async function train(form, draft, place, signal) {
  if (!draft.file) throw new Error(t("needRecording"));
  const bar = /** @type {HTMLProgressElement} */ (h("progress", { max: 1, value: 0, "aria-label": t("uploading") }));
  fill(place, h("p.note", {}, t("uploading")), bar);
  draft.progress = (fraction) => { bar.value = fraction; };
  draft.sending ||= begin(draft, draft.file, Object.fromEntries(new FormData(form))).finally(() => { draft.sending = null; });
  try {
    const job = await draft.sending;
    if (kept === draft) kept = blank(draft.account);
    if (signal.aborted) announce(`${t("job")}: ${job.name}`); // who went on to something else is left at it
    else location.hash = `#/jobs/${job.id}`;
  } catch (error) {
    if (signal.aborted) announce(said(error));
    throw error;
  }
}

/** Sends the recording and asks for the training. @param {Draft} draft @param {Blob} file @param {Record<string, FormDataEntryValue>} values @returns {Promise<any>} the job */
async function begin(draft, file, values) {
  const ours = () => {
    const who = session();
    if (who && who.account !== draft.account) throw new Error(t("otherAccount"));
  };
  const progress = (/** @type {number} */ fraction) => {
    ours();
    draft.progress(fraction);
  };
  draft.upload ||= await upload(file, draft.filename, progress);
  const card = Object.fromEntries(["gender", "age", "persona"].filter((key) => values[key]).map((key) => [key, values[key]]));
  const declaration = { source: values.source, license: values.license, consent: values.consent };
  const { name, transcript, language } = values;
  const more = { private: "private" in values, quick: "quick" in values };
  const asked = { name, upload: draft.upload, transcript, language, declaration, card, ...more };
  ours();
  return call("POST", "/training-jobs", asked).catch((error) => {
    if (refused(error)) draft.upload = ""; // it may be why, and one that was not answered is asked for again by the same words
    throw error;
  });
}
