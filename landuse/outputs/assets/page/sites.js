// The list of change sites of one comparison: filtered and ordered as the reader wishes, walked through, and taken along.

const MOST_LISTED = 100;

class SiteList {
  constructor(page, changes) {
    Object.assign(this, { page, changes, open: null, list: element("ol"), told: element("output"), sites: [] });
    this.form = element("div", { class: "filters" }, ...this.filters(), element("p", {}, this.told), this.buttons());
    this.form.addEventListener("input", () => this.show());
    alive.add({ node: this.list, update: () => this.show() });
    this.show();
  }

  filters() {
    const { changes, page } = this;
    const pairs = [...new Set(changes.sites.map((site) => changes.words(site)))].sort();
    const tiers = changes.tiers.map((_, i) => i).filter((i) => changes.tiers[i] && changes.sites.some((site) => site.tier === i));
    const tierWords = (i) => living(() => say(i === 0 ? "tier_only" : "tier_or_better", { tier: changes.tierName(i) }));
    const districts = page.districts.places.map((place) => [place.index, place.name]);
    this.fields = {
      pair: choice({ "data-filter": "pair" }, [["", word("any_kind")], ...pairs.map((pair) => [pair, pair])]),
      tier: choice({ "data-filter": "tier" }, [["", word("any_strength")], ...tiers.map((i) => [i, tierWords(i)])]),
      area: element("input", { type: "number", "data-filter": "area", min: 0, step: "any", value: 0 }),
      sure: element("input", { type: "number", "data-filter": "sure", min: 0, max: 100, step: 1, value: 0 }),
      district: choice({ "data-filter": "district" }, [["", word("any_district")], ...districts]),
      order: choice({ "data-filter": "order" }, ["area", "probability", "number"].map((name) => [name, word(`order_${name}`)])),
    };
    const { pair, tier, area, sure, district, order } = this.fields;
    return [labelled("filter_pair", pair), labelled("filter_tier", tier), labelled("filter_area", area), labelled("filter_sure", sure),
      ...(districts.length ? [labelled("district", district)] : []), labelled("filter_order", order)];
  }

  buttons() {
    return element("p", { class: "buttons" },
      button("previous", { "data-walk": -1 }, () => this.walk(-1)), button("next", { "data-walk": 1 }, () => this.walk(1)),
      button("save_csv", { "data-export": "csv" }, () => saveText(this.table(), "text/csv", "change_sites.csv")),
      button("save_geojson", { "data-export": "geojson" }, () => saveText(this.geojson(), "application/geo+json", "change_sites.geojson")));
  }

  // The sites that pass the filters, in the order that is asked for.
  chosen() {
    const [pair, tier, area, sure, district, order] = ["pair", "tier", "area", "sure", "district", "order"].map((name) => this.fields[name].value);
    const passes = (site) =>
      (!pair || this.changes.words(site) === pair) && (tier === "" || site.tier <= Number(tier)) && (site.area || 0) >= Number(area || 0) &&
      100 * (site.probability || 0) >= Number(sure || 0) && (district === "" || site.district === Number(district));
    const keys = { area: (site) => -(site.area || 0), probability: (site) => -(site.probability || 0), number: (site) => site.number };
    return this.changes.sites.filter(passes).sort((a, b) => keys[order](a) - keys[order](b) || a.number - b.number);
  }

  show() {
    this.sites = this.chosen();
    this.list.replaceChildren(...this.sites.slice(0, MOST_LISTED).map((site) => this.line(site)));
    const area = this.sites.reduce((sum, site) => sum + (site.area || 0), 0);
    const more = this.sites.length > MOST_LISTED ? `; ${say("first_listed", { most: MOST_LISTED })}` : "";
    this.told.textContent = `${say("sites", { n: this.sites.length })}, ${hectares(area)}${more}`;
  }

  line(site) {
    const words = element("span", { class: "words" }, element("b", {}, `${site.number}`), ` ${this.changes.words(site)}`);
    const open = element("button", { type: "button" }, words, element("span", { class: "number" }, hectares(site.area)));
    open.addEventListener("click", () => this.go(site));
    return element("li", {}, open);
  }

  go(site) {
    this.open = site;
    this.page.goTo(this.changes, site);
  }

  walk(step) {
    if (!this.sites.length) return;
    const at = this.sites.indexOf(this.open);
    const next = at < 0 ? (step > 0 ? 0 : this.sites.length - 1) : (at + step + this.sites.length) % this.sites.length;
    this.go(this.sites[next]);
  }

  facts(site) {
    const { classes, tiers, name } = this.changes;
    const middle = site.bounds.getCenter();
    const district = this.page.districts.places[site.district];
    return {
      site: site.number, period: name, from: classes[site.from].name, to: classes[site.to].name, area_ha: site.area,
      probability: site.probability, tier: tiers[site.tier], lon: Number(middle.lng.toFixed(6)), lat: Number(middle.lat.toFixed(6)),
      ...(this.page.districts.places.length ? { district: district ? district.name : "" } : {}),
    };
  }

  table() {
    const rows = this.sites.map((site) => this.facts(site));
    return csvTable([Object.keys(rows[0] || { site: 0 }), ...rows.map(Object.values)]);
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
