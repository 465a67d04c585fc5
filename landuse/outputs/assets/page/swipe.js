// Two years on one map, parted by a handle: imagery and land use of the one on its left, of the other on its right.

class Swipe {
  constructor(page) {
    this.page = page;
    this.handle = element("input", { type: "range", min: 0, max: 1000, value: 500, class: "swipe" });
    this.line = element("div", { class: "swipe-line", "aria-hidden": "true" });
    for (const [name, order] of [["imagery-right", 251], ["landuse-right", 351]]) page.map.createPane(name).style.zIndex = order;
    this.right = null;
    this.clip = this.clip.bind(this);
    this.handle.addEventListener("input", this.clip);
    L.DomEvent.disableClickPropagation(this.handle);
  }

  get on() {
    return this.right !== null;
  }

  // Show year `index` on the right of the handle.
  start(index) {
    this.stop();
    const { map, years, state } = this.page;
    const land = new LandUse(this.page, years[index], "landuse-right");
    const group = L.layerGroup([land.layer]).addTo(map);
    if (state.imagery && years[index].imagery) group.addLayer(years[index].imagery.layer("imagery-right"));
    this.right = { index, group, land };
    map.getContainer().append(this.line, worded(this.handle, { "aria-label": "swipe_handle" }));
    map.on("move zoom resize viewreset", this.clip);
    this.redraw();
    this.clip();
  }

  stop() {
    if (!this.on) return;
    this.right.group.remove();
    this.right = null;
    this.handle.remove();
    this.line.remove();
    this.page.map.off("move zoom resize viewreset", this.clip);
    for (const pane of this.panes()) pane.style.clip = "";
  }

  redraw() {
    if (this.on) this.right.land.layer.redraw();
    this.page.map.getPane("landuse-right").style.opacity = this.page.state.opacity;
  }

  panes() {
    return ["imagery", "landuse", "imagery-right", "landuse-right"].map((name) => this.page.map.getPane(name));
  }

  // Pane coordinates move with the map, so the cut is moved against it.
  clip() {
    const { map } = this.page;
    const size = map.getSize();
    const at = (Number(this.handle.value) / 1000) * size.x;
    const [north, south] = [map.containerPointToLayerPoint([0, 0]), map.containerPointToLayerPoint(size)];
    const middle = north.x + at;
    const left = `rect(${north.y}px, ${middle}px, ${south.y}px, ${north.x}px)`;
    const right = `rect(${north.y}px, ${south.x}px, ${south.y}px, ${middle}px)`;
    this.panes().forEach((pane, i) => (pane.style.clip = i < 2 ? left : right));
    this.line.style.left = `${at}px`;
  }
}
