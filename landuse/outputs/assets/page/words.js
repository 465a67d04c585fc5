// Words: DOM nodes made of text only, so that no name in the data can become markup.

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function swatch(color) {
  const node = element("span", { class: "swatch", "aria-hidden": "true" });
  node.style.backgroundColor = color;
  return node;
}

function hectares(area) {
  if (area === null) return "not stated";
  const digits = area < 100 ? 1 : 0;
  return `${area.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ha`;
}

function percent(share) {
  if (share === null) return "not stated";
  if (share > 0.99) return "over 99 %";
  return share < 0.01 ? "under 1 %" : `${(100 * share).toFixed(0)} %`;
}

// A short list of what is known about a place.
function facts(rows) {
  const list = element("dl", { class: "facts" });
  for (const [name, value] of rows) list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

function landUseWords(place, landUse, others) {
  const kind = landUse.classes[place.class];
  const rows = [["Year", landUse.label], ["Confidence", percent(place.confidence)], ["Area", hectares(place.area)]];
  const named = (other) => `${landUse.classes[other.class].name} (${percent(other.confidence)})`;
  if (others.length) rows.push(["Also here", others.map(named).join(", ")]);
  const heading = element("h3", {}, swatch(kind.color), kind.name);
  return element("div", { class: "popup" }, heading, facts(rows));
}

function changeWords(site, changes, show) {
  const [from, to] = [changes.classes[site.from], changes.classes[site.to]];
  const heading = element("h3", {}, `${site.number} `, swatch(from.color), from.name, " → ", swatch(to.color), to.name);
  const middle = site.bounds.getCenter();
  const rows = [["Period", changes.label], ["Area", hectares(site.area)], ["Probability", percent(site.probability)]];
  if (changes.tiers[site.tier]) rows.push(["Evidence", changes.tiers[site.tier]]);
  rows.push(["Place", `${middle.lat.toFixed(5)}, ${middle.lng.toFixed(5)}`]);
  const picture = changes.pictures[site.index];
  const pictures = picture ? [sitePictures(picture, show.labels[changes.before], show.labels[changes.after])] : [];
  const buttons = element("p", { class: "buttons" });
  for (const year of [changes.before, changes.after]) {
    if (year === null) continue;
    const button = element("button", { type: "button" }, `Show ${show.labels[year]}`);
    button.addEventListener("click", () => show.year(year));
    buttons.append(button);
  }
  return element("div", { class: "popup" }, heading, ...pictures, facts(rows), buttons);
}
