// Search by sound: record a few seconds or choose a clip, and hear who sounds alike.

import { sendFile, session } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { Recording } from "../record.js";
import { problemCard } from "../ui.js";

const MOST_SECONDS = 30;

/** The fields; `show` is given the hits, nearest first. @param {(items: any[]) => void} show */
export function soundBox(show) {
  const place = h("div", { "aria-live": "polite" });
  const look = async (/** @type {Blob} */ clip) => {
    if (!session()) return fill(place, h("p.note", {}, t("loginFirst")));
    fill(place, h("p.note", {}, t("listening")));
    try {
      const found = await sendFile("/search/sound?size=20", clip);
      show(found.items);
      fill(place, h("p.note", {}, t(found.items.length ? "soundFound" : "soundNothing", { n: found.items.length })));
    } catch (error) {
      fill(place, problemCard(error));
    }
  };
  const file = /** @type {HTMLInputElement} */ (h("input", { type: "file", accept: "audio/*,video/webm", "aria-label": t("soundFile") }));
  file.onchange = () => file.files?.[0] && look(file.files[0]);
  const fields = h("div.row", {}, recordButton(look, place), h("label", {}, `${t("soundFile")} `, file));
  return h("details.sound", {}, h("summary", {}, t("bySound")), h("p.small", {}, t("soundNote")), fields, place);
}

/** @param {(clip: Blob) => Promise<void>} look @param {HTMLElement} place */
function recordButton(look, place) {
  /** @type {Recording | null} */
  let recording = null;
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button" }, `● ${t("record")}`));
  const end = async () => {
    const under = recording;
    recording = null;
    button.textContent = `● ${t("record")}`;
    if (under) await look((await under.stop()).file);
  };
  const begin = async () => {
    recording = new Recording((seconds) => {
      button.textContent = `■ ${t("stop")} · ${seconds.toFixed(0)} s`;
      if (seconds >= MOST_SECONDS - 1) end();
    });
    await recording.start();
  };
  button.onclick = () =>
    (recording ? end() : begin()).catch((error) => {
      recording = null;
      fill(place, h("p.note", {}, t("noMicrophone", { why: error.message })));
    });
  return button;
}
