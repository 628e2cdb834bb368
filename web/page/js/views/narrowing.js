// What the hits have in common, with counts: each is a link that adds it to the query.

import { h } from "../dom.js";
import { t } from "../i18n.js";

const MOST = 8;
/** Keys whose values have names in both languages. @type {Record<string, (value: string) => string>} */
const NAMED = { gender: t, age: t, lang: (value) => t(`lang_${value}`) };

/**
 * @param {Array<{key: string, value: string, count: number}>} facets most frequent first in each key
 * @param {(more: string) => string} address of the search with a condition more
 */
export function narrowing(facets, address) {
  const keys = [...new Set(facets.map((facet) => facet.key))];
  if (!keys.length) return null;
  const rows = keys.map((key) => {
    const found = facets.filter((facet) => facet.key === key).slice(0, MOST);
    return h("div.row", {}, h("span.small", {}, t(`facet_${key}`)), ...found.map((facet) => tag(facet, address)));
  });
  return h("details.facets", {}, h("summary", {}, t("narrow")), ...rows);
}

/** @param {{key: string, value: string, count: number}} facet @param {(more: string) => string} address */
function tag({ key, value, count }, address) {
  const quoted = /\s/.test(value) ? `"${value}"` : value;
  return h("a.tag", { href: address(`${key}:${quoted}`) }, `${NAMED[key]?.(value) ?? value} · ${count}`);
}
