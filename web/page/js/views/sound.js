// Search by sound: record a few seconds or choose a clip, and hear who sounds alike.

import { sendFile, session } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { recordButton } from "../record.js";
import { problemCard } from "../ui.js";

const MOST_SECONDS = 29; // the hub hears 30

/** The fields; `show` is given the hits, nearest first. @param {(items: any[]) => void} show @param {AbortSignal} signal */
export function soundBox(show, signal) {
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
  const fields = h("div.row", {}, clipButton(look, place, signal), h("label", {}, `${t("soundFile")} `, file));
  return h("details.sound", {}, h("summary", {}, t("bySound")), h("p.small", {}, t("soundNote")), fields, place);
}

/** @param {(clip: Blob) => Promise<void>} look @param {HTMLElement} place @param {AbortSignal} signal */
function clipButton(look, place, signal) {
  const button = recordButton({
    most: MOST_SECONDS, signal,
    began: () => fill(place),
    level: (seconds) => { button.textContent = `■ ${t("stop")} · ${seconds.toFixed(0)} s`; },
    take: (clip) => {
      button.textContent = `● ${t("record")}`;
      look(clip);
    },
    failed: (why) => fill(place, h("p.note", { role: "alert" }, why)),
  });
  return button;
}
