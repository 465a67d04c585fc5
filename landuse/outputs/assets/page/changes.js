// Change sites on the map, with their labels.

const TIER_DASHES = [[], [7, 5], [2, 5]];
const NARROW = 16; // pixels
const DOT = 4; // pixels
const TOGETHER = 250; // places in one path: browsers take ever longer over a path that grows
const LABELS_IN_VIEW = 40;
const FINGERTIP = 10; // pixels

// Stroke the outlines of places; of one as small as a dot, its box as wide as the stroke would be.
function strokePlaces(context, places, view) {
  const dot = DOT * view.ratio * view.step;
  const width = context.lineWidth;
  const small = ({ box: [west, north, east, south] }) => east - west < dot && south - north < dot;
  for (const { box: [west, north, east, south] } of places.filter(small)) {
    const [left, top] = [(west - view.x) / view.step - width / 2, (north - view.y) / view.step - width / 2];
    context.fillRect(left, top, (east - west) / view.step + width, (south - north) / view.step + width);
  }
  const large = places.filter((place) => !small(place));
  for (let start = 0; start < large.length; start += TOGETHER) {
    context.beginPath();
    for (const place of large.slice(start, start + TOGETHER)) trace(context, place, view);
    context.stroke();
  }
}

// The change sites of one comparison: black lines on a white casing, dashed where the evidence is weaker.
class Changes {
  constructor(page, change) {
    Object.assign(this, { ...change, map: page.map, classes: page.data.classes, years: page.data.years });
    Object.assign(this, { sites: decodePlaces(change.sites), labels: L.layerGroup(), shown: [] });
    for (const site of this.sites) site.district = page.districts.at(site.bounds.getCenter());
    this.outlines = new Raster({ pane: "change", ratio: window.devicePixelRatio, paint: (context, view) => this.paint(context, view) });
    this.group = L.layerGroup([this.outlines, this.labels]);
    this.group.on("add", () => this.labelSites());
  }

  get on() {
    return this.map.hasLayer(this.group);
  }

  // What the comparison is called: after its years, or else its folder, with what tells it from others of those years.
  title() {
    const { before, after, beside, years } = this;
    if (before === null) return isolated(beside);
    return [say("period", { before: years[before].label, after: years[after].label }), isolated(beside)].filter((part) => part).join(" ");
  }

  tierName(tier) {
    const key = `tier_${this.tiers[tier]}`;
    return key in WORDS[language.now] ? say(key) : this.tiers[tier];
  }

  // What a tier means: as the comparison says in English, and in the page's own words in another language.
  tierWords(tier) {
    const name = this.tiers[tier];
    const key = `tier_${name}_words`;
    return language.now !== "en" && key in WORDS[language.now] ? say(key) : this.tier_words[name] || "";
  }

  // Draw the sites where something came from or went to a class that the legend ticks, and those of classes that it lacks.
  draw(ticked, hidden) {
    this.shown = this.sites.filter(({ from, to }) =>
      ticked.has(from) || ticked.has(to) || !(hidden.has(from) || hidden.has(to)));
    this.outlines.redraw();
    this.labelSites();
  }

  // All casings first, so that none covers a line. Where sites are only a few pixels wide, thin lines without dashes.
  paint(context, view) {
    const [right, low] = [view.x + view.width * view.step, view.y + view.height * view.step];
    const seen = this.shown.filter(({ box }) => box[2] > view.x && box[0] < right && box[3] > view.y && box[1] < low);
    if (!seen.length) return;
    const usual = this.sites[Math.floor(this.sites.length / 2)].box;
    const narrow = (usual[2] - usual[0]) / view.step / view.ratio < NARROW;
    for (const casing of [true, false]) {
      const look = casing ? { color: "rgb(255 255 255 / 0.95)", weight: 6 } : { color: "#14181d", weight: 2.6 };
      Object.assign(context, { strokeStyle: look.color, fillStyle: look.color, lineWidth: look.weight * view.ratio * (narrow ? 0.55 : 1) });
      this.tiers.forEach((_, tier) => {
        const dashes = casing || narrow ? [] : TIER_DASHES[Math.min(tier, 2)];
        context.setLineDash(dashes.map((length) => length * view.ratio));
        strokePlaces(context, seen.filter((site) => site.tier === tier), view);
      });
    }
  }

  words(site) {
    return `${isolated(this.classes[site.from].name)} → ${isolated(this.classes[site.to].name)}`;
  }

  // Words beside each site, once few enough are in view; a label that would cover another is left out.
  labelSites() {
    this.labels.clearLayers();
    if (!this.on) return;
    const view = this.map.getBounds();
    const seen = this.shown.filter((site) => view.intersects(site.bounds));
    if (seen.length > LABELS_IN_VIEW) return;
    const taken = [];
    for (const site of seen.sort((a, b) => b.area - a.area)) {
      const text = this.words(site);
      const at = this.map.latLngToContainerPoint(L.latLng(site.bounds.getNorth(), site.bounds.getCenter().lng));
      const half = 3.4 * text.length + 10;
      const box = [at.x - half, at.y - 30, at.x + half, at.y];
      if (taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      taken.push(box);
      const options = { permanent: true, direction: "top", className: "site-label", pane: "labels", interactive: false };
      const where = L.latLng(site.bounds.getNorth(), site.bounds.getCenter().lng);
      this.labels.addLayer(L.tooltip(options).setLatLng(where).setContent(element("span", {}, text)));
    }
  }

  siteAt(point) {
    return placeAt(this.shown, point, FINGERTIP / this.map.options.crs.scale(this.map.getZoom()));
  }
}
