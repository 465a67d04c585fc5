// The panel beside the map: years, what is drawn, legend, changes, districts, and how far the figures can be trusted.

function fillPanel(page) {
  const { data } = page;
  page.legend = new Legend(page);
  page.lists = page.changes.map((one) => new SiteList(page, one));
  const parts = [
    header(page), ...(data.years.length ? [yearSwitch(page)] : []), options(page), searchBox(page),
    ...(data.years.length ? [page.legend.section()] : []),
    ...page.changes.map((one, i) => changeSection(page, one, i)),
    ...(page.districts.places.length ? [districtSection(page)] : []), notes(page),
  ];
  const panel = worded(document.getElementById("panel"), { "aria-label": "panel" });
  panel.replaceChildren(...parts);
  page.legend.fill();
}

function header(page) {
  const heading = element("h1", {}, living(() => page.title()));
  const dates = [...new Set([...page.data.years, ...page.data.changes].map((one) => one.origin.date))].sort();
  const languages = choice({ id: "language" }, Object.keys(WORDS).map((code) => [code, WORDS[code].language_name]));
  languages.value = language.now;
  languages.addEventListener("change", () => page.speak(languages.value));
  page.languages = worded(languages, { "aria-label": "language" });
  const made = element("p", { class: "made" }, living(() => say("made", { date: dates.at(-1) || "" })));
  return element("header", {}, languages, heading, element("p", { class: "subtitle" }, living(() => subtitle(page))), made);
}

function subtitle(page) {
  const sides = [...new Set(page.years.filter((year) => year.grid.lattice).map((year) => year.grid.lattice.side))].sort((a, b) => a - b);
  if (!sides.length) return say("subtitle_plain");
  const side = sides.map((one) => number(one, Number.isInteger(one) ? 0 : 1)).join(" / ");
  return say(page.data.several ? "subtitle_several" : "subtitle", { side });
}

// One button a year; where there are many, a slider too.
function yearSwitch(page) {
  const offered = [...page.data.years.map((year, i) => [i, named(year.label)]), ["null", word("none")]];
  const buttons = offered.map(([value, text]) => {
    const input = element("input", { type: "radio", name: "year", value });
    input.addEventListener("change", () => page.showYear(value === "null" ? null : value));
    return element("label", {}, input, element("span", {}, text));
  });
  return element("fieldset", { class: "years" }, element("legend", {}, word("land_use_of")), element("div", { class: "switch" }, ...buttons),
    ...(page.data.years.length > 2 ? [yearSlider(page)] : []));
}

function yearSlider(page) {
  const slider = worded(element("input", { type: "range", id: "year-slider", min: 0, max: page.data.years.length - 1, step: 1 }), { "aria-label": "year" });
  slider.addEventListener("input", () => page.showYear(Number(slider.value)));
  return slider;
}

function box(id, key, checked, act) {
  const input = element("input", { type: "checkbox", id });
  input.checked = checked;
  input.addEventListener("change", () => act(input.checked));
  return element("label", {}, input, typeof key === "string" ? word(key) : key);
}

function options(page) {
  const { data, state, map } = page;
  const parts = page.changes.map((one, i) => {
    const text = living(() => (page.changes.length > 1 ? say("outline_changes_of", { period: one.title() }) : say("outline_changes")));
    return box(`show-changes-${i}`, text, !one.step, (on) => page.toggle(one.group, on));
  });
  if (data.years.length) parts.push(box("sureness", "paler", false, (on) => page.set({ sureness: on })));
  if (page.years.some((year) => year.imagery)) parts.push(box("imagery", "imagery", true, (on) => page.showImagery(on)));
  if (data.basemap) parts.push(box("basemap", "basemap", false, (on) => page.showBasemap(on)));
  if (page.districts.places.length) parts.push(box("show-districts", "outline_districts", false, (on) => page.toggle(page.districts.group, on)));
  if (data.classes.some((kind) => kind.safe !== kind.color)) parts.push(box("safe", "safe_colors", false, (on) => page.useColors(on)));
  if (data.years.length > 1) parts.push(swipeBox(page));
  if (data.years.length) parts.push(opacitySlider(page));
  return element("div", { class: "options" }, ...parts);
}

function swipeBox(page) {
  const years = worded(choice({ id: "swipe-year" }, page.data.years.map((year, i) => [i, year.label])), { "aria-label": "swipe_year" });
  years.value = String(page.data.years.length - 1);
  years.addEventListener("change", () => page.startSwipe(Number(years.value)));
  const label = box("swipe", "swipe", false, (on) => (on ? page.startSwipe(Number(years.value)) : page.stopSwipe()));
  return element("div", { class: "row" }, label, years);
}

function opacitySlider(page) {
  const slider = element("input", { type: "range", id: "opacity", min: 10, max: 100, step: 5, value: Math.round(100 * page.state.opacity) });
  slider.addEventListener("input", () => page.set({ opacity: Number(slider.value) / 100 }));
  return labelled("strength", slider, { class: "slider" });
}

function changeSection(page, changes, index) {
  const heading = element("h2", { id: `change-${index}` }, living(() => say("what_changed", { period: changes.title() })));
  const section = element("section", { "aria-labelledby": `change-${index}` }, heading);
  const evidence = paragraphs(() => evidenceSentences(changes));
  if (!changes.sites.length) {
    section.append(element("p", { class: "lead" }, word("no_change")), evidence);
    return section;
  }
  const flows = flowsOf(changes.sites);
  const area = flows.reduce((sum, flow) => sum + flow.area, 0);
  section.append(element("p", { class: "lead" }, living(() => say("sites_and_area", { n: changes.sites.length, area: areaNumber(area) }))),
    ...sankey(page, flows.slice(0, MOST_FLOWS)), flowTable(page, flows), tierList(changes), evidence, siteDetails(page, index));
  return section;
}

const MOST_FLOWS = 12;

function flowTable(page, flows) {
  const { classes } = page.data;
  const line = (head, { sites, area }) => element("tr", {}, element("th", { scope: "row" }, ...head),
    element("td", { class: "number" }, living(() => number(sites))), element("td", { class: "number" }, living(() => areaNumber(area))));
  const lines = flows.slice(0, MOST_FLOWS).map((flow) => {
    const pair = element("span", { class: "pair", "aria-hidden": "true" }, swatch(flow.from), swatch(flow.to));
    return line([pair, named(classes[flow.from].name), " → ", named(classes[flow.to].name)], flow);
  });
  const rest = flows.slice(MOST_FLOWS).reduce((sum, flow) => ({ sites: sum.sites + flow.sites, area: sum.area + flow.area }), { sites: 0, area: 0 });
  if (rest.sites) lines.push(line([word("other_pairs")], rest));
  const heads = [["from_to", ""], ["sites_head", "number"], ["hectares", "number"]];
  const head = element("tr", {}, ...heads.map(([key, kind]) => element("th", { scope: "col", class: kind }, word(key))));
  return element("table", { class: "transitions" }, element("thead", {}, head), element("tbody", {}, ...lines));
}

function tierList(changes) {
  const lines = changes.tiers.map((tier, i) => {
    const count = changes.sites.filter((site) => site.tier === i).length;
    if (!tier || !count) return null;
    const dashes = TIER_DASHES[Math.min(i, 2)];
    const stroke = (color, width, dash = []) => svg("line", { x1: 1, y1: 6, x2: 33, y2: 6, stroke: color, "stroke-width": width, ...(dash.length ? { "stroke-dasharray": dash.join(" ") } : {}) });
    const key = svg("svg", { width: 34, height: 12, "aria-hidden": "true" }, stroke("#fff", 6), stroke("#14181d", 2.6, dashes));
    const said = element("span", {}, element("strong", {}, living(() => changes.tierName(i))), " ", element("small", {}, living(() => changes.tierWords(i))));
    return element("li", {}, key, said, element("span", { class: "number" }, living(() => number(count))));
  });
  return element("ul", { class: "tiers" }, ...lines.filter((line) => line));
}

// Paragraphs that are made anew in another language.
function paragraphs(make) {
  const node = element("div");
  const update = () => node.replaceChildren(...make().map((text) => element("p", { class: "evidence" }, text)));
  update();
  alive.add({ node, update });
  return node;
}

// What a planner should know before acting on the change sites.
function evidenceSentences({ evidence }) {
  if (!evidence) return [];
  const { compared, different, confirmed, false_alarms: alarms, share } = evidence;
  const areas = { different_ha: areaNumber(evidence.different_ha), confirmed_ha: areaNumber(evidence.confirmed_ha) };
  const found = [say("evidence_sentence", { n: confirmed, compared, different, confirmed, ...areas })];
  if (alarms !== null && confirmed) found.push(alarms < 1 ? say("no_alarm") : say("alarms", { n: Math.round(alarms) }));
  if (share !== null) found.push(say("share_changed", { share: share < 0.001 ? say("less", { share: number(0.1, 1) }) : say("about", { share: number(100 * share, 1) }) }));
  return [...evidence.limits, ...found];
}

function siteDetails(page, index) {
  const list = page.lists[index];
  return element("details", { class: "sites", open: index === 0 }, element("summary", {}, word("one_by_one")), list.form, list.list);
}

function districtSection(page) {
  return element("section", { "aria-labelledby": "districts-heading" }, element("h2", { id: "districts-heading" }, word("districts")),
    page.districts.table(page), element("p", { class: "hint" }, word("districts_hint")));
}

function notes(page) {
  const { data } = page;
  const keys = [...(data.several ? ["note_several", "note_confidence_several"] : data.years.length ? ["note_squares", "note_confidence"] : []),
    ...(data.changes.length ? ["note_changes"] : []), "note_areas"];
  const origins = facts([...data.years.map((one) => [named(one.label), origin(one)]),
    ...page.changes.map((one) => [living(() => one.title()), origin(one)]), ...imageryNotes(page)]);
  return element("section", { "aria-labelledby": "notes-heading" }, element("h2", { id: "notes-heading" }, word("how_to_read")),
    ...keys.map((key) => element("p", {}, word(key))), element("details", {}, element("summary", {}, word("comes_from")), origins));
}

// What made a folder: command, version, date, model and number of squares.
function origin({ origin: { command, version, date, model, squares } }) {
  const parts = () => [`landuse ${command}`, version, date, model ? say("model", { model }) : "", squares === null || squares === undefined ? "" : say("squares", { n: squares })];
  return living(() => parts().filter((part) => part).join(", "));
}

// How sharp each year's imagery is in this page.
function imageryNotes(page) {
  const metres = (year, zoom) => {
    const pixel = year.imagery.pixel * 2 ** (year.imagery.most - zoom);
    return number(pixel, pixel < 10 ? 1 : 0);
  };
  return page.years.map((year) => {
    const said = () => {
      if (!year.imagery) return say("imagery_missing");
      const { whole, most, sharp, pixel } = year.imagery;
      if (whole === most) return say("imagery_whole", { metres: metres(year, most) });
      const everywhere = whole === null ? say("imagery_nowhere") : say("imagery_coarse", { metres: metres(year, whole) });
      return `${everywhere} ${say("imagery_sites", { n: sharp, metres: number(pixel, pixel < 10 ? 1 : 0) })}`;
    };
    return [living(() => say("imagery_of", { year: year.label })), living(said)];
  });
}
