// What is drawn: land use by class, change sites with their labels, imagery below.

const SURE = [0.8, 0.6]; // confidence from which a place is drawn in full colour, and in paler colour
const PALENESS = [0, 0.4, 0.7];
const TIER_DASHES = [null, "7 5", "2 5"];
const LABELS_IN_VIEW = 40;
const FINGERTIP = 10; // pixels

// A colour mixed with white; #rrggbb.
function paler(color, share) {
  const mixed = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16);
    return Math.round(value + (255 - value) * share);
  });
  return `rgb(${mixed.join(", ")})`;
}

function surenessOf(confidence) {
  if (confidence === null || confidence >= SURE[0]) return 0;
  return confidence >= SURE[1] ? 1 : 2;
}

// One year's land use: a handful of many-part polygons, one for each class and degree of sureness, so that tens of thousands of
// places are drawn at once. The pane carries the opacity, so overlapping edges do not show.
class LandUse {
  constructor(map, group, year, classes, renderer, pane = "landuse") {
    Object.assign(this, { map, group, classes, label: year.label, places: decodePlaces(year.places), parts: [] });
    const sorted = new Map();
    for (const place of this.places) {
      const key = place.class * 3 + surenessOf(place.confidence);
      if (!sorted.has(key)) sorted.set(key, []);
      sorted.get(key).push(...place.polygons);
    }
    for (const [key, polygons] of sorted) {
      const options = { renderer, pane, interactive: false, weight: 0.8, fillOpacity: 1, smoothFactor: 0.4 };
      const layer = L.polygon(polygons, options);
      this.parts.push({ layer, class: Math.floor(key / 3), sureness: key % 3 });
    }
  }

  // Draw the classes that are not hidden, paler where the model is unsure if so wished.
  draw(hidden, showSureness) {
    for (const part of this.parts) {
      const color = paler(this.classes[part.class].color, showSureness ? PALENESS[part.sureness] : 0);
      part.layer.setStyle({ color, fillColor: color });
      if (hidden.has(part.class)) this.group.removeLayer(part.layer);
      else this.group.addLayer(part.layer);
    }
  }

  placeAt(point, hidden) {
    return this.places.find((place) => !hidden.has(place.class) && holds(place, point));
  }

  // What else is said of a point, where squares carry several classes.
  othersAt(point, place) {
    return this.places.filter((candidate) => candidate !== place && holds(candidate, point));
  }
}

// The change sites of one comparison: black lines on a white casing, dashed where the evidence is weaker.
class Changes {
  constructor(map, group, change, classes, renderer) {
    Object.assign(this, { map, group, classes, label: change.label, before: change.before, after: change.after });
    Object.assign(this, { tiers: change.tiers, renderer, sites: decodePlaces(change.sites), labels: L.layerGroup() });
    this.pictures = change.pictures;
    group.addLayer(this.labels);
    group.on("add", () => this.label_sites());
  }

  // Draw the sites where something came from or went to a class that the legend ticks, and those of classes that it lacks.
  draw(ticked, hidden) {
    this.shown = this.sites.filter(({ from, to }) =>
      ticked.has(from) || ticked.has(to) || !(hidden.has(from) || hidden.has(to)));
    for (const { layer } of this.lines || []) this.group.removeLayer(layer);
    this.lines = [];
    for (const pass of ["casing", "line"]) this.drawLines(pass);
    this.fit_lines();
    this.label_sites();
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
  fit_lines() {
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
    return `${this.classes[site.from].name} → ${this.classes[site.to].name}`;
  }

  // Words beside each site, once few enough are in view; a label that would cover another is left out.
  label_sites() {
    this.labels.clearLayers();
    if (!this.map.hasLayer(this.group)) return;
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

// An orthophoto under the land use.
function addImagery(group, picture) {
  group.addLayer(L.imageOverlay(picture.uri, picture.bounds, { pane: "imagery", interactive: false, alt: picture.label }));
}
