// What is said of a place: its land use, or a change with both years' imagery and probabilities.

function openPopup(page, outline, point, content) {
  const maxWidth = Math.min(560, page.map.getSize().x - 60);
  L.popup({ maxWidth, minWidth: 200, autoPanPadding: [20, 20], closeButton: false }).setLatLng(point).setContent(content).openOn(page.map);
  page.chosen.clearLayers();
  for (const [color, weight] of [["#14181d", 5], ["#ffffff", 2]]) {
    page.chosen.addLayer(outline({ pane: "chosen", interactive: false, fill: false, color, weight, lineCap: "square" }));
  }
}

function popup(page, heading, ...parts) {
  const close = worded(element("button", { type: "button", class: "close" }, "×"), { "aria-label": "close" });
  close.addEventListener("click", () => page.map.closePopup());
  return element("div", { class: "popup" }, close, heading, ...parts);
}

// Say what lies at a point: a change site first, else the land use of the year in view.
function openAt(page, point) {
  for (const changes of [...page.changes].reverse()) {
    const site = changes.on && changes.siteAt(point);
    if (site) return openSite(page, changes, site, point);
  }
  const year = page.years[page.state.year];
  if (!year) return page.map.closePopup();
  const carried = year.land.carriedAt(point, page.state.hidden);
  const all = page.data.several ? year.land.carriedAt(point, new Set()) : carried;
  return all.length ? openLand(page, year, point, [...carried, ...all.filter((one) => !carried.some((two) => two.class === one.class))]) : page.map.closePopup();
}

function openLand(page, year, point, [first, ...others]) {
  const { classes } = page.data;
  const cell = year.grid.cellAt(point);
  const region = year.grid.region(cell, first.layer);
  const rows = [
    [word("year"), named(year.label)],
    [word("confidence"), living(() => percent(first.confidence))],
    [word("area"), living(() => hectares(region.cells.length * year.haOf(first.class)))],
    [word("square"), year.grid.idOf(cell) || living(() => say("unknown"))],
  ];
  if (others.length) {
    const said = () => others.map((one) => `${isolated(classes[one.class].name)} (${percent(one.confidence)})`).join(", ");
    rows.push([word("also"), living(said)]);
  }
  const heading = element("h3", {}, swatch(first.class), named(classes[first.class].name));
  const edges = year.grid.outline(region);
  openPopup(page, (look) => L.polyline(edges, look), point, popup(page, heading, facts(rows)));
}

function openSite(page, changes, site, point) {
  page.map.closePopup();
  page.state.site = [page.changes.indexOf(changes), site.number];
  const { classes } = page.data;
  const heading = element("h3", {}, `${site.number} `, swatch(site.from), named(classes[site.from].name), " → ", swatch(site.to), named(classes[site.to].name));
  const pictures = [changes.before, changes.after].filter((year) => year !== null)
    .map((year) => siteImage(site, page.years[year].imagery, page.years[year].label)).filter((figure) => figure);
  const content = popup(page, heading, ...(pictures.length ? [element("div", { class: "pictures" }, ...pictures)] : []),
    facts(siteFacts(page, changes, site)), ...bars(page, changes, site), ...alikeSites(page, changes, site), yearButtons(page, changes));
  openPopup(page, (look) => L.polygon(site.polygons, look), point, content);
}

// The sites that changed most like a site, where the page knows.
function alikeSites(page, changes, site) {
  const others = site.alike.map((number) => changes.sites.find((one) => one.number === number)).filter((one) => one);
  if (!others.length) return [];
  const lines = others.map((one) => {
    const go = element("button", { type: "button", class: "link" }, `${one.number} ${changes.words(one)}, `, living(() => hectares(one.area)));
    go.addEventListener("click", () => page.goTo(changes, one));
    return element("li", {}, go);
  });
  return [element("p", { class: "caption" }, word("alike")), worded(element("ul", { class: "alike" }, ...lines), { "aria-label": "alike" })];
}

function siteFacts(page, changes, site) {
  const middle = site.bounds.getCenter();
  const rows = [
    [word("comparison"), living(() => changes.title())],
    [word("area"), living(() => hectares(site.area))],
    [word("probability"), living(() => percent(site.probability))],
  ];
  if (changes.tiers[site.tier]) rows.push([word("evidence"), living(() => changes.tierName(site.tier))]);
  if (site.district >= 0) rows.push([word("district"), named(page.districts.places[site.district].name)]);
  rows.push([word("place"), `${middle.lat.toFixed(5)}, ${middle.lng.toFixed(5)}`]);
  return rows;
}

// The probabilities of both years, class by class; classes that neither finds likely are left out.
function bars(page, changes, site) {
  const vectors = [site.before, site.after];
  if (!vectors.some((vector) => vector)) return [];
  const shown = page.data.classes.map((_, index) => index).filter((index) => vectors.some((vector) => vector && vector[index] >= 3));
  const head = [changes.before, changes.after].map((year) => element("th", { scope: "col" }, named(page.years[year].label)));
  const lines = shown.map((index) => {
    const cells = vectors.map((vector) => element("td", {}, vector ? bar(index, vector[index]) : ""));
    return element("tr", {}, element("th", { scope: "row" }, named(page.data.classes[index].name)), ...cells);
  });
  const caption = element("caption", {}, word("vectors"));
  return [element("table", { class: "bars" }, caption, element("thead", {}, element("tr", {}, element("td", {}), ...head)), element("tbody", {}, ...lines))];
}

function bar(index, share) {
  const fill = element("span", { class: "fill" });
  Object.assign(fill.style, { width: `${share}%`, backgroundColor: `var(--class-${index})` });
  return element("span", { class: "bar" }, fill, element("span", { class: "said" }, living(() => percent(share / 100))));
}

function yearButtons(page, changes) {
  const row = element("p", { class: "buttons" });
  for (const year of [changes.before, changes.after].filter((one) => one !== null)) {
    const show = element("button", { type: "button" }, living(() => say("show_year", { year: page.years[year].label })));
    show.addEventListener("click", () => page.showYear(year));
    row.append(show);
  }
  return row;
}
