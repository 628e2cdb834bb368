// What the scan of a version said: verdict, findings, what was left behind, the behaviour test, and second opinions.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { localised, t } from "../i18n.js";
import { announce, said } from "../ui.js";

/** The card; it fills itself once the report is there. @param {string} path @param {any} version */
export function scanCard(path, version) {
  const body = h("div", {}, h("p.note", {}, t(`state_${version.state}`)));
  const address = `${path}/versions/${version.id}/report`;
  get(address).then((report) => fill(body, ...parts(report, address)), () => fill(body, findings(version.findings, version)));
  return h("section.card", {}, h("h2", {}, t("findings")), body);
}

/** @param {any} report @param {string} address */
function parts(report, address) {
  const tested = report.behaviour || {};
  const found = [...(report.findings || []), ...(tested.findings || [])];
  const opinions = Object.entries(report.second_opinions || {}).map(([tool, said]) => `${tool}: ${said}`);
  const behaviour = [tested.outcome, ...(tested.observed?.attempts || [])].filter(Boolean);
  return [
    h("p", {}, h("strong", {}, `${t("verdict")}: ${t(`verdict_${report.verdict}`)}`)),
    findings(found, report),
    listed(t("stripped"), report.stripped),
    listed(t("behaviour"), behaviour),
    listed(t("opinions"), opinions),
    h("p.small", {}, t("signed", { rules: report.rules_version }), " ", h("code", {}, `${report.signature.slice(0, 16)}…`)),
    h("div.row", {}, saver(address, "json"), saver(`${address}?format=sarif`, "sarif")),
  ];
}

/** @param {any[]} found @param {any} about */
function findings(found, about) {
  if (!found.length) return h("p.note", {}, about.verdict === "clean" ? t("clean") : about.verdict);
  const items = found.map((finding) => h("li", {}, localised(finding, "message"), " ", h("span.small", {}, `${finding.severity} · ${finding.rule} · ${finding.place}`)));
  return h("ul.list", {}, ...items);
}

/** @param {string} title @param {string[] | undefined} items */
const listed = (title, items) => (items?.length ? h("details", {}, h("summary", {}, title), h("ul.list", {}, ...items.map((item) => h("li", {}, item)))) : null);

/** A button that saves the report, which for a private voice needs the token. @param {string} address @param {string} form */
function saver(address, form) {
  const save = async () => {
    const content = new Blob([JSON.stringify(await get(address), null, 2)], { type: "application/json" });
    const link = /** @type {HTMLAnchorElement} */ (h("a", { href: URL.createObjectURL(content), download: `report.${form}` }));
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return h("button", { type: "button", onclick: () => save().catch((error) => announce(said(error))) }, form.toUpperCase());
}
