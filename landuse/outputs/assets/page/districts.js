// Districts: their outlines on the map, and what lies in each.

class Districts {
  constructor(map, { places, areas, changed }) {
    Object.assign(this, { map, areas, changed, places: decodePlaces(places), group: L.layerGroup() });
    const look = { pane: "districts", interactive: false, fill: false, color: "#5b2a86", weight: 2, dashArray: "8 4" };
    for (const place of this.places) this.group.addLayer(L.polygon(place.polygons, look));
  }

  get on() {
    return this.map.hasLayer(this.group);
  }

  // The number of the district at a place, -1 where there is none.
  at(point) {
    return this.places.findIndex((place) => holds(place, point));
  }

  find(name) {
    const wanted = name.trim().toLocaleLowerCase();
    return this.places.findIndex((place) => place.name.toLocaleLowerCase() === wanted);
  }

  show(index) {
    this.map.addLayer(this.group);
    this.map.fitBounds(this.places[index].bounds, { padding: [30, 30], animate: false });
  }

  // A table of the districts: what is mapped in the year in view, and what changed in each comparison.
  table(page) {
    const heads = page.changes.map((one, i) => [one, i]).filter(([, i]) => this.changed[i]);
    const head = element("tr", {}, element("th", { scope: "col" }, word("district")),
      ...heads.map(([one]) => element("th", { scope: "col", class: "number" }, living(() => say("changed_ha", { period: one.title() })))));
    const lines = this.places.map((place) => {
      const go = element("button", { type: "button", class: "link" }, named(place.name));
      go.addEventListener("click", () => page.showDistrict(place.index));
      const cells = heads.map(([, i]) => element("td", { class: "number" }, living(() => areaNumber(this.changed[i][place.index] || 0))));
      return element("tr", {}, element("th", { scope: "row" }, go), ...cells);
    });
    return element("table", { class: "districts" }, element("thead", {}, head), element("tbody", {}, ...lines));
  }
}
