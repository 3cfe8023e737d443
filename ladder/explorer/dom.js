// Elements of the page, made by code. Text goes through textContent alone, so that no name from a run becomes markup.

import { say } from "./strings.js";

// An element of this tag. `options` are attributes, or: text, a string as it is; say, label and title, keys of
// strings.js; on, listeners by event; data, data attributes.
export function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name === "say") tell(made, value);
    else if (name === "label") label(made, value);
    else if (name === "hint") hint(made, value);
    else if (name === "on") Object.entries(value).forEach(([event, listen]) => made.addEventListener(event, listen));
    else if (name === "data") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Gives an element words that follow the language; `values` fill their {places}.
export function tell(target, key, values = {}) {
  target.dataset.say = key;
  target.dataset.values = JSON.stringify(values);
  const text = say(key, values);
  if (target.textContent !== text) target.textContent = text;
}

// The same for what screen readers say instead of the content, and for a tooltip.
export function label(target, key, values = {}) {
  target.dataset.sayLabel = key;
  target.dataset.labelValues = JSON.stringify(values);
  target.setAttribute("aria-label", say(key, values));
}

export function hint(target, key, values = {}) {
  target.dataset.sayHint = key;
  target.dataset.hintValues = JSON.stringify(values);
  target.title = say(key, values);
}

// Writes all words again, after a change of language.
export function translate(root = document) {
  for (const target of root.querySelectorAll("[data-say]")) {
    tell(target, target.dataset.say, JSON.parse(target.dataset.values ?? "{}"));
  }
  for (const target of root.querySelectorAll("[data-say-label]")) {
    label(target, target.dataset.sayLabel, JSON.parse(target.dataset.labelValues ?? "{}"));
  }
  for (const target of root.querySelectorAll("[data-say-hint]")) {
    hint(target, target.dataset.sayHint, JSON.parse(target.dataset.hintValues ?? "{}"));
  }
}

export function button(key, listen, options = {}) {
  return element("button", { type: "button", say: key, on: { click: listen }, ...options });
}

// A choice of a few, as buttons of which one is pressed. `options` are [value, key or {text}] pairs.
export function choice(label_key, options, value, on_change) {
  const buttons = options.map(([option, words]) =>
    element("button", {
      type: "button",
      ...(typeof words === "string" ? { say: words } : words),
      "aria-pressed": String(option === value),
      on: { click: () => set(option, true) },
    }),
  );
  const made = element("div", { class: "choice", role: "group", label: label_key }, ...buttons);
  const set = (option, tell_it = false) => {
    buttons.forEach((one, k) => one.setAttribute("aria-pressed", String(options[k][0] === option)));
    if (tell_it) on_change(option);
  };
  return Object.assign(made, { set });
}

// A box to tick with its words.
export function tick(key, checked, on_change) {
  const box = element("input", { type: "checkbox", on: { change: () => on_change(box.checked) } });
  box.checked = checked;
  return Object.assign(element("label", { class: "tick" }, box, element("span", { say: key })), { box });
}

// A slider with its number beside it, both of which can be changed.
export function dial(key, { min, max, step, value, digits = 2, scale = null }, on_change) {
  const to = scale ? scale.to : (x) => x;
  const from = scale ? scale.from : (x) => x;
  const range = element("input", { type: "range", min: to(min), max: to(max), step: scale ? "any" : step, label: key });
  const number = element("input", { type: "number", min, max, step: "any", label: key });
  const set = (x, tell_it = false) => {
    range.value = to(x);
    if (document.activeElement !== number || !tell_it) number.value = String(Number(x.toPrecision(digits + 1)));
    if (tell_it) on_change(x);
  };
  range.addEventListener("input", () => set(Number(from(Number(range.value)).toPrecision(digits + 1)), true));
  number.addEventListener("input", () => {
    const x = Number(number.value);
    if (number.value !== "" && Number.isFinite(x)) set(Math.min(max, Math.max(min, x)), true);
  });
  number.addEventListener("blur", () => set(from(Number(range.value))));
  set(value);
  return Object.assign(element("div", { class: "dial" }, element("span", { say: key }), range, number), { set });
}

// Digits as subscripts: z_12 is written z₁₂.
export function subscript(number) {
  return String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);
}

// A number with so many decimals and a true minus sign; "–" where there is none.
export function decimal(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

// A difference so small that decimals would show none, as a power of ten.
export function power(value) {
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(value));
  const digits = String(exponent).replace(/[-\d]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));
  return `${(value / 10 ** exponent).toFixed(1)} × 10${digits}`;
}
