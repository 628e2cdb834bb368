// What the hits have in common, with counts: each is a link that adds it to the query, or puts it in the place of another.

import { h } from "../dom.js";
import { t } from "../i18n.js";

const MOST = 8;
/** Keys whose values have names in both languages. @type {Record<string, (value: string) => string>} */
const NAMED = { gender: t, age: t, lang: (value) => t(`lang_${value}`) };
/** Keys of which a query wants any of the values that it names: one more would find more, not less. */
const ALTERNATIVES = ["gender", "age"];

/** @typedef {{key: string, value: string, without: string}} Chip a part of the query as it was understood */

/**
 * @param {Array<{key: string, value: string, count: number}>} facets most frequent first in each key
 * @param {Chip[]} chips
 * @param {string} query what they are of
 * @param {(query: string) => string} address of a search
 */
export function narrowing(facets, chips, query, address) {
  const keys = [...new Set(facets.map((facet) => facet.key))];
  if (!keys.length) return null;
  const rows = keys.map((key) => {
    const found = facets.filter((facet) => facet.key === key).slice(0, MOST);
    const asked = chips.filter((chip) => ALTERNATIVES.includes(key) && chip.key === key && !chip.value.startsWith("-"));
    return h("div.row", {}, h("span.small", {}, t(`facet_${key}`)), ...found.map((facet) => tag(facet, asked, query, address)));
  });
  return h("details.facets", {}, h("summary", {}, t("narrow")), ...rows);
}

/** @param {{key: string, value: string, count: number}} facet @param {Chip[]} asked of its key @param {string} query @param {(query: string) => string} address */
function tag({ key, value, count }, asked, query, address) {
  const quoted = /\s/.test(value) ? `"${value}"` : value;
  const name = NAMED[key]?.(value) ?? value;
  const href = address(`${without(query, asked)} ${key}:${quoted}`.trim());
  const instead = asked.length > 0 && asked.every((chip) => chip.value !== value);
  // The count is of the present hits; what stands in the place of another finds others.
  return instead ? h("a.tag", { href, title: t("instead") }, name) : h("a.tag", { href }, `${name} · ${count}`);
}

/** The query without some of its parts. @param {string} query @param {Chip[]} chips */
function without(query, chips) {
  const typed = chips.map((chip) => `${chip.key}:${chip.value}`);
  const rest = chips.length ? chips[0].without : query;
  return rest.split(" ").filter((part) => !typed.includes(part)).join(" ");
}
