// Change sites on the map, with their labels.

const TIER_DASHES = [null, "7 5", "2 5"];
const LABELS_IN_VIEW = 40;
const FINGERTIP = 10; // pixels

// The change sites of one comparison: black lines on a white casing, dashed where the evidence is weaker.
class Changes {
  constructor(page, change, renderer) {
    Object.assign(this, { ...change, map: page.map, classes: page.data.classes, years: page.data.years, renderer });
    Object.assign(this, { group: L.layerGroup(), sites: decodePlaces(change.sites), labels: L.layerGroup(), lines: [] });
    for (const site of this.sites) site.district = page.districts.at(site.bounds.getCenter());
    this.group.addLayer(this.labels);
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
    for (const { layer } of this.lines) this.group.removeLayer(layer);
    this.lines = [];
    for (const pass of ["casing", "line"]) this.drawLines(pass);
    this.fitLines();
    this.labelSites();
  }

  drawLines(pass) {
    const { renderer } = this;
    this.tiers.forEach((_, tier) => {
      const polygons = this.shown.filter((site) => site.tier === tier).flatMap((site) => site.polygons);
      if (!polygons.length) return;
      const common = { renderer, pane: "change", interactive: false, fill: false, lineJoin: "miter", smoothFactor: 0.4 };
      const look =
        pass === "casing"
          ? { color: "#ffffff", weight: 6, opacity: 0.95 }
          : { color: "#14181d", weight: 2.6, dashArray: TIER_DASHES[Math.min(tier, 2)] };
      const layer = L.polygon(polygons, { ...common, ...look });
      this.lines.push({ layer, look });
      this.group.addLayer(layer);
    });
  }

  // Where sites are only a few pixels wide, full lines would hide them: draw thin ones, without dashes.
  fitLines() {
    if (!this.sites.length) return;
    const site = this.sites[Math.floor(this.sites.length / 2)].bounds;
    const corner = (point) => this.map.latLngToLayerPoint(point);
    const width = corner(site.getSouthEast()).distanceTo(corner(site.getSouthWest()));
    const share = width < 16 ? 0.55 : 1;
    for (const { layer, look } of this.lines) {
      layer.setStyle({ weight: look.weight * share, dashArray: share < 1 ? null : look.dashArray });
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
    return placeAt(this.shown, point, this.map, FINGERTIP);
  }
}
