// The page: joins the map, what is drawn on it, and the panel.

const PANES = { imagery: 250, landuse: 350, districts: 410, change: 420, chosen: 430, labels: 640 };
const OPACITY = [0.8, 0.6]; // of land use, alone and over imagery

class Page {
  constructor() {
    this.data = JSON.parse(document.getElementById("landuse-data").textContent);
    const { data } = this;
    language.now = data.language;
    const pictured = data.years.some((year) => year.imagery);
    this.state = { hidden: this.hiddenAtFirst(), sureness: false, safe: false, imagery: pictured, year: null, site: null, opacity: OPACITY[Number(pictured)] };
    this.map = this.openMap();
    this.districts = new Districts(this.map, data.districts);
    this.years = data.years.map((year, index) => this.openYear(year, index));
    this.changes = data.changes.map((change) => new Changes(this, change));
    this.chosen = L.layerGroup().addTo(this.map);
    this.swipe = new Swipe(this);
    this.useColors(false);
    fillPanel(this);
    this.classesChanged();
    for (const one of this.changes) if (!one.step) this.map.addLayer(one.group);
    this.showYear(data.years.length ? data.years.length - 1 : null);
    this.listen();
    document.title = this.title();
  }

  // Of several classes a square the widest of the last year is shown first; else all are.
  hiddenAtFirst() {
    const { several, classes, years } = this.data;
    if (!several) return new Set();
    const areas = years.at(-1).areas;
    const widest = classes.reduce((best, _, index) => ((areas[index] || 0) > (areas[best] || 0) ? index : best), 0);
    return new Set(classes.map((_, index) => index).filter((index) => index !== widest));
  }

  openMap() {
    const node = worded(document.getElementById("map"), { "aria-label": "map" });
    const map = L.map(node, { zoomSnap: 0.25, attributionControl: false, maxZoom: this.data.most_zoom, zoomControl: false });
    for (const [name, order] of Object.entries(PANES)) map.createPane(name).style.zIndex = order;
    map.fitBounds(this.data.bounds, { padding: [24, 24], animate: false });
    const zoom = L.control.zoom().addTo(map);
    worded(zoom._zoomInButton, { title: "zoom_in", "aria-label": "zoom_in" });
    worded(zoom._zoomOutButton, { title: "zoom_out", "aria-label": "zoom_out" });
    L.control.scale({ imperial: true, maxWidth: 160 }).addTo(map);
    this.addHome(map);
    return map;
  }

  // A button that shows the whole map again, and an arrow to the north for paper.
  addHome(map) {
    const home = L.control({ position: "topleft" });
    home.onAdd = () => {
      const node = button("whole_map", { class: "home leaflet-bar" }, () => map.fitBounds(this.data.bounds, { padding: [24, 24], animate: false }));
      L.DomEvent.disableClickPropagation(node);
      return node;
    };
    home.addTo(map);
    map.getContainer().append(element("div", { class: "north", "aria-hidden": "true" }, "N ▲"));
  }

  openYear(said, index) {
    const year = { ...said, grid: new Grid(said.grid), imagery: said.imagery && new Imagery(index, said.imagery) };
    year.land = new LandUse(this, year);
    year.haOf = (kind) => this.hectaresOfCell(year, kind);
    year.grid.ready.then(() => this.legend?.scope.value === "view" && this.legend.fill());
    return year;
  }

  // Hectares of a cell of a class, in the mean: its area in the summary by its cells.
  hectaresOfCell(year, kind) {
    return (year.areas[kind] || 0) / Math.max(year.grid.counts[kind + 1], 1);
  }

  title() {
    const { title, years, changes } = this.data;
    if (title) return title;
    if (!years.length) return say("title_changes");
    const list = new Intl.ListFormat(language.now).format(years.map((year) => isolated(year.label)));
    return say(changes.length ? "title_both" : "title_years", { years: list });
  }

  speak(code) {
    speak(code);
    this.languages.value = code;
    document.title = this.title();
    for (const one of this.changes) one.labelSites();
    writeLink(this);
  }

  set(changed) {
    Object.assign(this.state, changed);
    this.redraw();
  }

  redraw() {
    const year = this.years[this.state.year];
    if (year) year.land.layer.redraw();
    this.map.getPane("landuse").style.opacity = this.state.opacity;
    this.swipe.redraw();
  }

  useColors(safe) {
    this.state.safe = safe;
    this.data.classes.forEach((_, index) => document.documentElement.style.setProperty(`--class-${index}`, colorOf(this, index)));
    this.redraw();
  }

  // Draw land use and changes of the classes that the legend ticks.
  classesChanged() {
    const boxes = [...document.querySelectorAll("input[data-class]")];
    const of = (ticked) => new Set(boxes.filter((one) => one.checked === ticked).map((one) => Number(one.dataset.class)));
    this.state.hidden = of(false);
    this.map.closePopup();
    for (const one of this.changes) one.draw(of(true), this.state.hidden);
    this.redraw();
  }

  // Show one year's land use and imagery, or no land use (index null) over the imagery of the year before.
  showYear(index) {
    const { state, years, map } = this;
    years.forEach((year, i) => i !== index && map.removeLayer(year.land.layer));
    state.year = index;
    if (index !== null) map.addLayer(years[index].land.layer);
    this.showImagery(state.imagery);
    for (const input of document.querySelectorAll("input[name=year]")) input.checked = input.value === String(index);
    const slider = document.getElementById("year-slider");
    if (slider && index !== null) slider.value = String(index);
    for (const cell of document.querySelectorAll("[data-year]")) cell.classList.toggle("now", cell.dataset.year === String(index));
    writeLink(this);
  }

  showImagery(on) {
    this.state.imagery = on;
    const shown = this.state.year === null ? this.pictured : this.state.year;
    if (this.photograph) this.map.removeLayer(this.photograph);
    this.pictured = shown === undefined ? this.years.length - 1 : shown;
    const { imagery } = this.years[this.pictured] || {};
    this.photograph = on && imagery ? imagery.layer("imagery").addTo(this.map) : null;
    if (this.swipe.on) this.swipe.start(this.swipe.right.index);
  }

  // The online map: nothing is asked of it before this.
  showBasemap(on) {
    const { url, credit } = this.data.basemap;
    if (!this.online) this.online = L.tileLayer(url, { maxZoom: 22, maxNativeZoom: 19, className: "online" });
    if (!this.credit) this.credit = element("div", { class: "credit", dir: "auto" }, credit);
    if (on) this.map.addLayer(this.online).getContainer().append(this.credit);
    else {
      this.map.removeLayer(this.online);
      this.credit.remove();
    }
  }

  toggle(group, on) {
    if (on) this.map.addLayer(group);
    else this.map.removeLayer(group);
  }

  // Show a second year on the right of a handle, and say so in the panel.
  startSwipe(index) {
    if (this.state.year === index || this.state.year === null) this.showYear(index === 0 ? this.years.length - 1 : 0);
    this.swipe.start(index);
    document.getElementById("swipe").checked = true;
    document.getElementById("swipe-year").value = String(index);
    writeLink(this);
  }

  stopSwipe() {
    this.swipe.stop();
    writeLink(this);
  }

  showDistrict(index) {
    document.getElementById("show-districts").checked = true;
    this.districts.show(index);
    const { scope } = this.legend;
    if ([...scope.options].some((option) => option.value === String(index))) scope.value = String(index);
    this.legend.fill();
  }

  goTo(changes, site) {
    if (!changes.shown.includes(site)) {
      const inputs = [site.to, site.from].map((kind) => document.querySelector(`input[data-class="${kind}"]`));
      inputs.find((input) => input).checked = true;
      this.classesChanged();
    }
    this.map.addLayer(changes.group);
    document.getElementById(`show-changes-${this.changes.indexOf(changes)}`).checked = true;
    this.map.fitBounds(site.bounds, { maxZoom: 16, padding: [80, 80], animate: false });
    openSite(this, changes, site, L.latLng(site.bounds.getNorth(), site.bounds.getCenter().lng));
  }

  listen() {
    const { map } = this;
    const container = map.getContainer();
    map.on("moveend", () => this.changes.forEach((one) => one.labelSites()));
    map.on("click", (event) => openAt(this, event.latlng));
    map.on("popupclose", () => {
      this.chosen.clearLayers();
      this.state.site = null;
    });
    map.on("moveend popupopen popupclose", () => writeLink(this));
    container.addEventListener("mousedown", () => container.classList.remove("by-keyboard"));
    container.addEventListener("keydown", (event) => {
      container.classList.add("by-keyboard");
      if (event.key === "Enter" && event.target === container) openAt(this, map.getCenter());
    });
    fitPaper();
  }
}

// The colour of a class, in the palette that was chosen; #rrggbb.
function colorOf(page, index) {
  const kind = page.data.classes[index];
  return page.state.safe ? kind.safe : kind.color;
}

const PAPER = 703; // pixels of a browser on 186 mm, the width of an A4 sheet within its margins

// Paper gets the map as the screen has it, shrunk or stretched to the sheet's width. It is not drawn again at another size:
// browsers print what a canvas draws while they print as a white sheet over all that lies below it.
function fitPaper() {
  const container = document.getElementById("map");
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

function startPage() {
  const asked = readLink();
  globalThis.landuse = new Page();
  followLink(globalThis.landuse, asked);
}
