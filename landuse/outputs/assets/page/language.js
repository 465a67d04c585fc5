// Words and numbers in the language that the reader chose. What was said stays alive: another language changes it in place.

const WORDS = JSON.parse(document.getElementById("landuse-words").textContent);
const language = { now: "en" };
const alive = new Set();

// A text of the words file, in the singular or plural of `n`, with numbers and names put in.
function say(key, values = {}) {
  const found = WORDS[language.now][key];
  const text = typeof found === "string" ? found : found[new Intl.PluralRules(language.now).select(values.n)] || found.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : isolated(values[name])));
}

// A name among other words. One that is written from the right must not turn what stands beside it.
function isolated(text) {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(text) ? `\u2068${text}\u2069` : String(text);
}

// A text node that `make` says again in another language.
function living(make) {
  const node = document.createTextNode(make());
  alive.add({ node, update: () => (node.data = make()) });
  return node;
}

function word(key, values) {
  return living(() => say(key, values));
}

// Attributes of a node, in words.
function worded(node, attributes) {
  for (const [name, key] of Object.entries(attributes)) {
    const update = () => node.setAttribute(name, say(key));
    update();
    alive.add({ node, update });
  }
  return node;
}

function speak(code) {
  language.now = code;
  document.documentElement.lang = code;
  for (const one of alive) {
    if (one.node.isConnected) one.update();
    else alive.delete(one);
  }
}

const formats = new Map();

function number(value, digits = 0) {
  const key = `${language.now} ${digits}`;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language.now, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return formats.get(key).format(value);
}

function areaNumber(area) {
  return number(area, area < 100 ? 1 : 0);
}

function hectares(area) {
  return area === null ? say("unknown") : `${areaNumber(area)} ha`;
}

// A probability is never said to be none or all.
function percent(share) {
  if (share === null) return say("unknown");
  if (share > 0.99) return say("over", { share: 99 });
  return share < 0.01 ? say("under", { share: 1 }) : say("percent", { share: Math.round(100 * share) });
}

// A part of an area may be none or all of it.
function shareOf(part) {
  if (part > 0 && part < 0.005) return say("less", { share: 1 });
  return say("percent", { share: Math.round(100 * part) });
}
