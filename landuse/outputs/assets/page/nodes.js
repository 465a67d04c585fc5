// DOM nodes made of text only, so that no name in the data can become markup.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

// A name of somebody's, apart from the writing around it.
function named(text) {
  return element("bdi", {}, text);
}

// The colour of a class, in the palette of the moment.
function swatch(index) {
  const node = element("span", { class: "swatch", "aria-hidden": "true" });
  node.style.backgroundColor = `var(--class-${index})`;
  return node;
}

function button(key, attributes, act) {
  const node = element("button", { type: "button", ...attributes }, word(key));
  if (act) node.addEventListener("click", act);
  return node;
}

// A choice; `options` are pairs of a value and a node or text.
function choice(attributes, options) {
  return element("select", attributes, ...options.map(([value, text]) => element("option", { value, dir: "auto" }, text)));
}

function labelled(key, field, attributes = {}) {
  return element("label", attributes, element("span", {}, word(key)), field);
}

// A short list of what is known.
function facts(rows) {
  const list = element("dl", { class: "facts" });
  for (const [name, value] of rows) list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Give the reader a file. A data address, since the page's policy lets nothing else in or out.
function saveText(text, type, file) {
  element("a", { href: `data:${type};charset=utf-8,${encodeURIComponent(text)}`, download: file }).click();
}
