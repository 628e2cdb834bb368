// Building elements. Text from people only ever becomes text nodes: there is no innerHTML in this page.

/**
 * @param {string} tag element name, with classes: "p.note"
 * @param {Record<string, unknown>} [properties] attributes; `on…` functions are listeners; false and null are left out
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, ...children);
  return element;
}

/** @param {Element} parent @param {...(Node | string | number | null | undefined | false)} children */
export function add(parent, ...children) {
  for (const child of children) if (child !== null && child !== undefined && child !== false) parent.append(typeof child === "number" ? String(child) : child);
}

/** Empties an element and fills it. @param {Element} parent @param {...(Node | string | number | null | undefined | false)} children */
export function fill(parent, ...children) {
  parent.replaceChildren();
  add(parent, ...children);
}

let labelled = 0;

/**
 * A labelled form field.
 * @param {string} label @param {HTMLElement} control @param {string} [note]
 */
export function field(label, control, note) {
  labelled += 1;
  control.id ||= `field-${labelled}`;
  const hint = note ? h("p.note", { id: `${control.id}-note` }, note) : null;
  if (hint) control.setAttribute("aria-describedby", hint.id);
  return h("div.field", {}, h("label", { for: control.id }, label), control, hint);
}

/** @param {string} name @param {Array<[string, string]>} options value and text @param {Record<string, unknown>} [more] */
export function select(name, options, more = {}) {
  return h("select", { name, ...more }, ...options.map(([value, text]) => h("option", { value }, text)));
}
