// The page: joins the map, its layers and the panel. `startPage` is called once, with the layer groups that stand in the
// layer control.

const PANES = { imagery: 250, landuse: 350, change: 420, chosen: 430, labels: 640 };

function startPage(map, groups) {
  const data = JSON.parse(document.getElementById("landuse-data").textContent);
  for (const [name, order] of Object.entries(PANES)) map.createPane(name).style.zIndex = order;
  const state = { hidden: classInputs(false), sureness: false, year: null, opacity: strength(), site: null };
  const canvas = (pane) => L.canvas({ pane, padding: 0.3 });
  const land = canvas("landuse");
  const lines = canvas("change");
  const years = data.years.map((year, i) => new LandUse(map, groups.years[i], year, data.classes, land));
  const changes = data.changes.map((change, i) => new Changes(map, groups.changes[i], change, data.classes, lines));
  data.imagery.forEach((picture, i) => addImagery(groups.imagery[i], picture));
  const show = { labels: data.years.map((year) => year.label), year: (index) => showYear(map, groups, index) };
  const page = { map, data, groups, state, years, changes, show, chosen: L.layerGroup().addTo(map) };
  page.swipe = new Swipe(page);
  map.setMaxZoom(data.most_zoom);
  addHome(map);
  drawClasses(page);
  listenToMap(page);
  listenToPanel(page);
  page.lists = page.changes.map((one, i) => new SiteList(page, one, i));
  yearChanged(page);
  followLink(page);
  map.on("moveend baselayerchange popupopen popupclose", () => writeLink(page));
  fitPaper();
}

// A button that shows the whole map again.
function addHome(map) {
  const whole = map.getBounds();
  const home = L.control({ position: "topleft" });
  home.onAdd = () => {
    const button = element("button", { type: "button", class: "home leaflet-bar", title: "Show the whole map" }, "Whole map");
    L.DomEvent.disableClickPropagation(button);
    button.addEventListener("click", () => map.fitBounds(whole, { animate: false }));
    return button;
  };
  home.addTo(map);
  map.getContainer().append(element("div", { class: "north", "aria-hidden": "true" }, "N ▲"));
}

const PAPER = 703; // pixels of a browser on 186 mm, the width of an A4 sheet within its margins

// Paper gets the map as the screen has it, shrunk or stretched to the sheet's width. It is not drawn again at another size:
// browsers print what a canvas draws while they print as a white sheet over all that lies below it.
function fitPaper() {
  const container = document.querySelector(".folium-map");
  const folded = [...document.querySelectorAll("details:not([open])")];
  window.addEventListener("beforeprint", () => {
    const { clientWidth, clientHeight } = container;
    const scale = Math.min(PAPER / clientWidth, PAPER / clientHeight);
    const sizes = { width: `${clientWidth}px`, height: `${clientHeight}px`, scale, below: `${(scale - 1) * clientHeight}px` };
    for (const [name, value] of Object.entries(sizes)) document.body.style.setProperty(`--map-${name}`, value);
    for (const part of folded) part.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const part of folded) part.open = false;
  });
}

// Show a second year on the right of a handle, and say so in the panel.
function startSwipe(page, index) {
  if (page.state.year === index || page.state.year === null) page.show.year(index === 0 ? page.data.years.length - 1 : 0);
  page.swipe.start(index);
  const [box, choice] = ["swipe", "swipe-year"].map((id) => document.getElementById(id));
  [box.checked, choice.value] = [true, String(index)];
}

// The classes that the legend ticks, or those that it does not.
function classInputs(ticked) {
  const inputs = [...document.querySelectorAll("input[data-class]")].filter((input) => input.checked === ticked);
  return new Set(inputs.map((input) => Number(input.dataset.class)));
}

// Draw land use and changes of the classes that the legend ticks.
function drawClasses(page) {
  page.state.hidden = classInputs(false);
  for (const change of page.changes) change.draw(classInputs(true), page.state.hidden);
  redraw(page);
}

function redraw(page) {
  for (const year of page.years) year.draw(page.state.hidden, page.state.sureness);
  page.map.getPane("landuse").style.opacity = page.state.opacity;
  page.swipe.redraw();
}

// Opacity that the slider asks for, 0 to 1.
function strength() {
  const slider = document.getElementById("opacity");
  return slider ? Number(slider.value) / 100 : 1;
}

// Show one year's land use, or none (index null).
function showYear(map, groups, index) {
  const wanted = index === null ? groups.none : groups.years[index];
  for (const group of [...groups.years, groups.none]) if (group !== wanted) map.removeLayer(group);
  map.addLayer(wanted);
}

// Bring the panel, and the imagery if any is on, in step with the year that the map now shows.
function yearChanged(page) {
  const { map, groups, data, state } = page;
  const index = groups.years.findIndex((group) => map.hasLayer(group));
  state.year = index < 0 ? null : index;
  for (const input of document.querySelectorAll("input[name=year]")) input.checked = input.value === String(state.year);
  for (const cell of document.querySelectorAll("[data-year]")) {
    cell.classList.toggle("now", cell.dataset.year === String(state.year));
  }
  const pictured = data.imagery.findIndex((picture) => picture.year === state.year);
  if (state.year === null || pictured < 0 || !groups.imagery.some((group) => map.hasLayer(group))) return;
  groups.imagery.forEach((group, i) => (i === pictured ? map.addLayer(group) : map.removeLayer(group)));
}

function listenToMap(page) {
  const { map, groups, changes } = page;
  map.on("baselayerchange", () => yearChanged(page));
  map.on("zoomend", () => changes.forEach((change) => change.fit_lines()));
  map.on("moveend", () => changes.forEach((change) => change.label_sites()));
  map.on("overlayadd overlayremove", () => boxChanged(page));
  map.on("click", (event) => openAt(page, event.latlng));
  map.on("popupclose", () => {
    page.chosen.clearLayers();
    page.state.site = null;
  });
  map.getContainer().addEventListener("mousedown", () => map.getContainer().classList.remove("by-keyboard"));
  map.getContainer().addEventListener("keydown", (event) => {
    map.getContainer().classList.add("by-keyboard");
    if (event.key === "Enter" && event.target === map.getContainer()) openAt(page, map.getCenter());
  });
  boxChanged(page);
}

// Bring the panel's box in step with the layer control.
function boxChanged(page) {
  const box = document.getElementById("show-changes");
  if (box) box.checked = page.groups.changes.some((group) => page.map.hasLayer(group));
}

// Say what lies at a point: a change site first, else the land use of the year in view.
function openAt(page, point) {
  const { map, groups, changes, years, state } = page;
  for (let i = changes.length - 1; i >= 0; i--) {
    const site = map.hasLayer(groups.changes[i]) && changes[i].siteAt(point);
    if (site) return openSite(page, changes[i], site, point);
  }
  const land = years[state.year];
  const shown = land && land.placeAt(point, state.hidden);
  const place = shown || (land && page.data.several && land.placeAt(point, new Set()));
  if (!place) return map.closePopup();
  return openPopup(page, place, point, landUseWords(place, land, land.othersAt(point, place)));
}

function openSite(page, changes, site, point) {
  page.map.closePopup();
  page.state.site = [page.changes.indexOf(changes), site.number];
  openPopup(page, site, point, changeWords(site, changes, page.show));
}

function openPopup(page, place, point, content) {
  L.popup({ maxWidth: Math.min(560, page.map.getSize().x - 60), minWidth: 200, autoPanPadding: [20, 20] }).setLatLng(point).setContent(content).openOn(page.map);
  page.chosen.clearLayers();
  const look = { pane: "chosen", interactive: false, fill: false };
  for (const [color, weight] of [["#14181d", 5], ["#ffffff", 2]]) {
    page.chosen.addLayer(L.polygon(place.polygons, { ...look, color, weight }));
  }
}

function listenToPanel(page) {
  const { map, groups, state } = page;
  const on = (selector, event, act) => {
    for (const node of document.querySelectorAll(selector)) node.addEventListener(event, () => act(node));
  };
  on("input[name=year]", "change", (node) => showYear(map, groups, node.value === "null" ? null : Number(node.value)));
  on("#show-changes", "change", (node) => {
    for (const group of groups.changes) node.checked ? map.addLayer(group) : map.removeLayer(group);
  });
  on("#sureness", "change", (node) => {
    state.sureness = node.checked;
    redraw(page);
  });
  on("#opacity", "input", () => {
    state.opacity = strength();
    redraw(page);
  });
  on("#swipe", "change", (node) => {
    if (node.checked) startSwipe(page, Number(document.getElementById("swipe-year").value));
    else page.swipe.stop();
    writeLink(page);
  });
  on("#swipe-year", "change", (node) => startSwipe(page, Number(node.value)));
  on("input[data-class]", "change", () => {
    map.closePopup();
    drawClasses(page);
  });
}

function goTo(page, changes, index, site) {
  if (!changes.shown.includes(site)) {
    const inputs = [site.to, site.from].map((kind) => document.querySelector(`input[data-class="${kind}"]`));
    inputs.find((input) => input).checked = true;
    drawClasses(page);
  }
  page.map.addLayer(page.groups.changes[index]);
  page.map.fitBounds(site.bounds, { maxZoom: 16, padding: [80, 80], animate: false });
  openSite(page, changes, site, L.latLng(site.bounds.getNorth(), site.bounds.getCenter().lng));
}
