// From one minute of speech to a training job.

import { call, passing, upload } from "../api.js";
import { field, fill, h, select } from "../dom.js";
import { LANGUAGES, t } from "../i18n.js";
import { PASSAGES } from "../passages.js";
import { recordButton } from "../record.js";
import { attempt, needsAccount } from "../ui.js";

const LICENSES = ["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "LicenseRef-Proprietary"];
const CONSENTS = [["self", "consentSelf"], ["written-permission", "consentWritten"], ["public-domain", "consentPublic"], ["licensed", "consentLicensed"]];
const MOST_SECONDS = 120;

/** @typedef {{file: Blob | null, filename: string, upload: string}} Chosen the recording, and the id of its upload once it is on the hub */

/** @param {HTMLElement} view @param {AbortSignal} signal */
export function makeView(view, signal) {
  const closed = needsAccount();
  if (closed) return fill(view, h("h1", {}, t("make")), h("p.lead", {}, t("makeLead")), closed);
  /** @type {Chosen} */
  const chosen = { file: null, filename: "", upload: "" };
  const language = /** @type {HTMLSelectElement} */ (select("language", LANGUAGES.map((code) => [code, t(`lang_${code}`)])));
  const transcript = /** @type {HTMLTextAreaElement} */ (h("textarea", { name: "transcript", required: true, maxlength: 20000, rows: 5 }));
  const button = /** @type {HTMLButtonElement} */ (h("button.main", { type: "submit" }, t("train")));
  const place = h("div", { "aria-live": "polite" });
  const form = /** @type {HTMLFormElement} */ (
    h("form", {}, aboutFields(language), recordingFields(chosen, language, transcript, signal), declarationFields(), h("div.row", {}, button), place)
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(place, button, () => train(form, chosen, place));
  });
  fill(view, h("h1", {}, t("make")), h("p.lead", {}, t("makeLead")), form);
}

/** @param {HTMLSelectElement} language */
function aboutFields(language) {
  const options = (/** @type {string[]} */ names) => /** @type {Array<[string, string]>} */ ([["", t("notSaid")], ...names.map((name) => [name, t(name)])]);
  const name = h("input", { name: "name", required: true, maxlength: 64, pattern: "[a-z0-9](?:[a-z0-9._\\-]{0,62}[a-z0-9])?", autocapitalize: "none" });
  return h(
    "fieldset", {}, h("legend", {}, t("aboutVoice")),
    h("div.pair", {}, field(t("voiceName"), name, t("voiceNameNote")), field(t("language"), language)),
    h("div.pair", {}, field(t("gender"), select("gender", options(["male", "female", "neutral"]))), field(t("age"), select("age", options(["child", "teen", "young", "middle", "senior"])))),
    field(t("persona"), h("input", { name: "persona", maxlength: 60, placeholder: t("personaHint") })),
  );
}

/** @param {Chosen} chosen @param {HTMLSelectElement} language @param {HTMLTextAreaElement} transcript @param {AbortSignal} signal */
function recordingFields(chosen, language, transcript, signal) {
  const script = h("p.script");
  const reading = h("div", { hidden: true }, h("p.note", {}, t("readThis")), script);
  const level = h("meter.level", { min: 0, max: 1, high: 0.95, optimum: 0.4, value: 0, "aria-label": t("recording") });
  const clock = h("span.note", { "aria-live": "off" }, t("seconds", { n: 0 }));
  const heard = h("div");
  const trouble = h("div");
  const file = /** @type {HTMLInputElement} */ (h("input", { type: "file", accept: "audio/*,.wav,.flac,.mp3,.ogg,.opus,.m4a" }));
  const take = (/** @type {Blob} */ blob, /** @type {string} */ filename) => {
    Object.assign(chosen, { file: blob, filename, upload: "" });
    fill(heard, h("audio", { controls: true, src: URL.createObjectURL(blob), "aria-label": t("recording") }));
  };
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

/** @param {HTMLFormElement} form @param {Chosen} chosen @param {HTMLElement} place */
async function train(form, chosen, place) {
  if (!chosen.file) throw new Error(t("needRecording"));
  const values = Object.fromEntries(new FormData(form));
  const bar = /** @type {HTMLProgressElement} */ (h("progress", { max: 1, value: 0, "aria-label": t("uploading") }));
  fill(place, h("p.note", {}, t("uploading")), bar);
  chosen.upload ||= await upload(chosen.file, chosen.filename, (fraction) => (bar.value = fraction));
  const card = Object.fromEntries(["gender", "age", "persona"].filter((key) => values[key]).map((key) => [key, values[key]]));
  const declaration = { source: values.source, license: values.license, consent: values.consent };
  const { name, transcript, language } = values;
  const more = { private: "private" in values, quick: "quick" in values };
  const asked = { name, upload: chosen.upload, transcript, language, declaration, card, ...more };
  const job = await call("POST", "/training-jobs", asked).catch((error) => {
    if (!passing(error)) chosen.upload = ""; // it may be why, and one that was not answered is asked for again by the same words
    throw error;
  });
  location.hash = `#/jobs/${job.id}`;
}
