// The list of change sites of one comparison: filtered and ordered as the reader wishes, walked through, and taken along.

class SiteList {
  constructor(page, changes, index) {
    Object.assign(this, { page, changes, index, list: document.getElementById(`sites-${index}`), open: null });
    this.most = Number(this.list.dataset.most);
    this.form = document.querySelector(`[data-filters="${index}"]`);
    if (!this.form) return;
    this.offer();
    this.form.addEventListener("input", () => this.show());
    this.form.addEventListener("click", (event) => this.act(event.target.closest("button")));
    this.show();
  }

  filter(name) {
    return this.form.querySelector(`[data-filter="${name}"]`);
  }

  // Fill the choices with the kinds of change and the tiers that occur.
  offer() {
    const pairs = [...new Set(this.changes.sites.map((site) => this.changes.words(site)))].sort();
    for (const words of pairs) this.filter("pair").append(element("option", { value: words }, words));
    this.changes.tiers.forEach((tier, i) => {
      if (this.changes.sites.some((site) => site.tier === i)) {
        this.filter("tier").append(element("option", { value: String(i) }, i === 0 ? `${tier} only` : `${tier} or better`));
      }
    });
  }

  // The sites that pass the filters, in the order that is asked for.
  chosen() {
    const [pair, tier, area, order] = ["pair", "tier", "area", "order"].map((name) => this.filter(name).value);
    const passes = (site) =>
      (!pair || this.changes.words(site) === pair) && (tier === "" || site.tier <= Number(tier)) && (site.area || 0) >= Number(area || 0);
    const keys = { area: (site) => -(site.area || 0), probability: (site) => -(site.probability || 0), number: (site) => site.number };
    return this.changes.sites.filter(passes).sort((a, b) => keys[order](a) - keys[order](b) || a.number - b.number);
  }

  show() {
    this.sites = this.chosen();
    this.list.replaceChildren(...this.sites.slice(0, this.most).map((site) => this.line(site)));
    const area = this.sites.reduce((sum, site) => sum + (site.area || 0), 0);
    const more = this.sites.length > this.most ? `; the first ${this.most} are listed` : "";
    this.form.querySelector("output").textContent = `${this.sites.length.toLocaleString("en")} sites, ${hectares(area)}${more}`;
  }

  line(site) {
    const words = element("span", { class: "words" }, element("b", {}, `${site.number}`), ` ${this.changes.words(site)}`);
    const button = element("button", { type: "button" }, words, element("span", { class: "number" }, hectares(site.area)));
    button.addEventListener("click", () => this.go(site));
    return element("li", {}, button);
  }

  go(site) {
    this.open = site;
    goTo(this.page, this.changes, this.index, site);
  }

  act(button) {
    if (!button) return;
    if (button.dataset.walk) this.walk(Number(button.dataset.walk));
    if (button.dataset.export) this.save(button.dataset.export);
  }

  walk(step) {
    if (!this.sites.length) return;
    const at = this.sites.indexOf(this.open);
    const next = at < 0 ? (step > 0 ? 0 : this.sites.length - 1) : (at + step + this.sites.length) % this.sites.length;
    this.go(this.sites[next]);
  }

  save(kind) {
    const [text, type] = kind === "csv" ? [this.table(), "text/csv"] : [this.geojson(), "application/geo+json"];
    const link = element("a", { href: `data:${type};charset=utf-8,${encodeURIComponent(text)}`, download: `change_sites.${kind}` });
    link.click();
  }

  facts(site) {
    const { classes, tiers, label } = this.changes;
    const middle = site.bounds.getCenter();
    return {
      site: site.number, period: label, from: classes[site.from].name, to: classes[site.to].name, area_ha: site.area,
      probability: site.probability, tier: tiers[site.tier], lon: Number(middle.lng.toFixed(6)), lat: Number(middle.lat.toFixed(6)),
    };
  }

  table() {
    const rows = this.sites.map((site) => this.facts(site));
    const header = Object.keys(rows[0] || { site: 0 });
    return [header, ...rows.map(Object.values)].map((row) => row.map(csvCell).join(",")).join("\n") + "\n";
  }

  geojson() {
    const swap = (ring) => [...ring, ring[0]].map(([lat, lon]) => [lon, lat]);
    const features = this.sites.map((site) => ({
      type: "Feature",
      properties: this.facts(site),
      geometry: { type: "MultiPolygon", coordinates: site.polygons.map((rings) => rings.map(swap)) },
    }));
    return JSON.stringify({ type: "FeatureCollection", features });
  }
}

// A cell of a table that no spreadsheet takes for a formula.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^'*[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Both dates' imagery of a site, side by side, with its outline.
function sitePictures(picture, before, after) {
  const pair = element("div", { class: "pictures" });
  for (const [label, address] of [[before, picture.before], [after, picture.after]]) {
    const outline = L.SVG.create("svg");
    outline.setAttribute("viewBox", "0 0 1 1");
    outline.setAttribute("aria-hidden", "true");
    for (const [color, width] of [["#fff", 0.022], ["#14181d", 0.009]]) {
      for (const ring of picture.outline) {
        const line = L.SVG.create("polygon");
        line.setAttribute("points", ring.map((point) => point.join(",")).join(" "));
        line.setAttribute("style", `fill:none;stroke:${color};stroke-width:${width}`);
        outline.append(line);
      }
    }
    const image = element("img", { src: address, alt: `The site in ${label}` });
    pair.append(element("figure", {}, element("figcaption", {}, label), element("span", { class: "frame" }, image, outline)));
  }
  return pair;
}
