// The imagery of a year: a pyramid of tiles, of which the finest that are there are drawn over the coarser.

const MOST_DECODED = 300;

class Imagery {
  constructor(index, said) {
    Object.assign(this, { index, ...said, decoded: new Map() });
  }

  // Tiles are read when they are first needed; they stand behind everything else in the page.
  get tiles() {
    const source = document.getElementById(`imagery-${this.index}`);
    if (!this.kept && source) this.kept = JSON.parse(source.textContent);
    return this.kept || {};
  }

  // The picture of a tile, or null until it is decoded; `again` is called then.
  picture(key, again) {
    const known = this.decoded.get(key);
    if (known) return known.complete && known.naturalWidth ? known : null;
    const image = new Image();
    image.src = `data:image/webp;base64,${this.tiles[key]}`;
    image.decode().then(again, () => {});
    this.decoded.set(key, image);
    if (this.decoded.size > MOST_DECODED) this.decoded.delete(this.decoded.keys().next().value);
    return null;
  }

  paint(context, view, again) {
    const wanted = Math.ceil(Math.log2(1 / view.step / TILE) - 0.3);
    for (let zoom = this.least; zoom <= Math.min(Math.max(wanted, this.least), this.most); zoom++) {
      const side = 1 / 2 ** zoom;
      const edge = (place, start) => Math.round((place - start) / view.step);
      for (let row = Math.floor(view.y / side); row * side < view.y + view.height * view.step; row++) {
        for (let col = Math.floor(view.x / side); col * side < view.x + view.width * view.step; col++) {
          const key = `${zoom}/${col}/${row}`;
          const picture = key in this.tiles && this.picture(key, again);
          if (!picture) continue;
          const [left, top] = [edge(col * side, view.x), edge(row * side, view.y)];
          context.drawImage(picture, left, top, edge((col + 1) * side, view.x) - left, edge((row + 1) * side, view.y) - top);
        }
      }
    }
  }

  // A layer of the map.
  layer(pane) {
    const layer = new Raster({ pane, ratio: window.devicePixelRatio, paint: (context, view) => this.paint(context, view, () => layer.redraw()) });
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => layer.redraw());
    return layer;
  }
}

const SITE_SIDE = 448; // most pixels of a site's picture

// A site as a year's imagery shows it, at the imagery's own pixels, with its outline; null where there is none.
function siteImage(site, imagery, label) {
  if (!imagery) return null;
  const [west, north, east, south] = site.box;
  const side = 1.5 * Math.max(east - west, south - north);
  const pixels = Math.round(Math.min(Math.max(side * TILE * 2 ** imagery.most, 64), SITE_SIDE));
  const view = { x: (west + east - side) / 2, y: (north + south - side) / 2, step: side / pixels, width: pixels, height: pixels };
  const canvas = worded(element("canvas", { width: pixels, height: pixels, role: "img" }), { "aria-label": "site_picture" });
  const draw = () => {
    const context = canvas.getContext("2d");
    imagery.paint(context, view, draw);
    outlineSite(context, site, view);
  };
  draw();
  return element("figure", {}, element("figcaption", {}, named(label)), canvas);
}

function outlineSite(context, site, view) {
  context.beginPath();
  trace(context, site, view);
  for (const [color, share] of [["#ffffff", 0.018], ["#14181d", 0.008]]) {
    Object.assign(context, { strokeStyle: color, lineWidth: Math.max(1, share * view.width) });
    context.stroke();
  }
}
