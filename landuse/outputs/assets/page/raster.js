// Pictures that follow the map: one canvas over the view, drawn anew when the map has moved. Land use is the first kind.

const SURE = [80, 60]; // per cent from which a cell is drawn in full colour, and in paler colour
const PALENESS = [0, 0.4, 0.7];
const MOST_RATIO = 2;

// What is drawn is asked of `paint(context, view)`: of pixel (i, j) the place on the world is view.x + i * view.step, and so on.
const Raster = L.Renderer.extend({
  options: { padding: 0.2 },

  _initContainer() {
    this._container = element("canvas", { class: "leaflet-zoom-animated raster", "aria-hidden": "true" });
  },

  _destroyContainer() {
    this._container.remove();
    delete this._container;
  },

  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    this.redraw();
  },

  redraw() {
    if (!this._map || !this._bounds) return;
    const size = this._bounds.getSize();
    const ratio = Math.min(this.options.ratio || 1, MOST_RATIO);
    Object.assign(this._container, { width: size.x * ratio, height: size.y * ratio });
    Object.assign(this._container.style, { width: `${size.x}px`, height: `${size.y}px` });
    L.DomUtil.setPosition(this._container, this._bounds.min);
    const start = this._bounds.min.add(this._map.getPixelOrigin());
    const whole = TILE * this._map.options.crs.scale(this._map.getZoom()) / TILE;
    const view = { x: start.x / whole, y: start.y / whole, step: 1 / whole / ratio, width: size.x * ratio, height: size.y * ratio };
    this.options.paint(this._container.getContext("2d"), view);
  },
});

// A colour mixed with white, as the bytes of a pixel; #rrggbb.
function pixelOf(color, paleness) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16);
    return Math.round(value + (255 - value) * paleness);
  });
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

// One year's land use on the map.
class LandUse {
  constructor(page, year, pane = "landuse") {
    Object.assign(this, { page, year, grid: year.grid });
    this.layer = new Raster({ pane, paint: (context, view) => this.paint(context, view) });
    this.grid.ready.then(() => this.layer.redraw());
  }

  // Colours by degree of sureness and class; what the legend hides has none.
  colors() {
    const { state, data } = this.page;
    const found = new Uint32Array(256 * PALENESS.length);
    data.classes.forEach((kind, index) => {
      if (state.hidden.has(index)) return;
      PALENESS.forEach((paleness, degree) => {
        found[degree * 256 + index + 1] = pixelOf(colorOf(this.page, index), state.sureness ? paleness : 0);
      });
    });
    return found;
  }

  paint(context, view) {
    const image = context.createImageData(view.width, view.height);
    const pixels = new Uint32Array(image.data.buffer);
    const colors = this.colors();
    for (const layer of this.grid.layers) {
      if (layer.only === null || !this.page.state.hidden.has(layer.only)) this.fill(pixels, view, layer, colors);
    }
    context.putImageData(image, 0, 0);
  }

  // Within a square of the mesh the cell of a pixel moves by equal steps along a line.
  fill(pixels, view, { classes, percent }, colors) {
    const { toCells, rows, cols } = this.grid;
    const { corner, step } = toCells;
    for (let j = 0; j < view.height; j++) {
      const y = view.y + (j + 0.5) * view.step;
      for (let i = 0; i < view.width; ) {
        const x = view.x + (i + 0.5) * view.step;
        const next = corner[0] + (Math.floor((x - corner[0]) / step[0]) + 1) * step[0];
        const end = Math.min(view.width, i + Math.max(1, Math.ceil((next - x) / view.step)));
        let [col, row] = toCells.at(x, y);
        const [right, down] = toCells.at(x + view.step, y);
        const [dcol, drow] = [right - col, down - row];
        for (let at = j * view.width + i; i < end; i++, at++, col += dcol, row += drow) {
          if (col < 0 || row < 0 || col >= cols || row >= rows) continue;
          const cell = (row | 0) * cols + (col | 0);
          const kind = classes[cell];
          if (!kind) continue;
          const sure = percent === null ? UNKNOWN : percent[cell];
          const color = colors[(sure >= SURE[0] ? 0 : sure >= SURE[1] ? 256 : 512) + kind];
          if (color) pixels[at] = color;
        }
      }
    }
  }

  // What the point carries that the legend shows; of what it hides only if asked for.
  carriedAt(point, hidden) {
    return this.grid.carriedBy(this.grid.cellAt(point)).filter((one) => !hidden.has(one.class));
  }
}
