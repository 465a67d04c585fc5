// Pictures that follow the map: one canvas over the view, drawn anew when the map has moved. Land use is the first kind.
// Whatever asks for it within a frame, a picture is drawn once, just before the frame is shown.

const PALENESS = [0, 0.4, 0.7]; // by degree of sureness
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
    if (!this._map || this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = null;
      if (this._map && this._bounds) this.draw();
    });
  },

  draw() {
    const size = this._bounds.getSize();
    const ratio = Math.min(this.options.ratio || 1, MOST_RATIO);
    const [width, height] = [Math.round(size.x * ratio), Math.round(size.y * ratio)];
    const context = this._container.getContext("2d");
    if (this._container.width === width && this._container.height === height) context.clearRect(0, 0, width, height);
    else Object.assign(this._container, { width, height });
    Object.assign(this._container.style, { width: `${size.x}px`, height: `${size.y}px` });
    L.DomUtil.setPosition(this._container, this._bounds.min);
    const start = this._bounds.min.add(this._map.getPixelOrigin());
    const whole = this._map.options.crs.scale(this._map.getZoom());
    this.options.paint(context, { x: start.x / whole, y: start.y / whole, step: 1 / whole / ratio, width, height, ratio });
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

// The stretch of [first, last) on which start + i * slope lies within [0, end).
function within(start, slope, end, first, last) {
  const inside = (i) => start + i * slope >= 0 && start + i * slope < end;
  if (slope) {
    const edges = [-start / slope, (end - start) / slope];
    first = Math.max(first, Math.floor(Math.min(...edges)));
    last = Math.min(last, Math.ceil(Math.max(...edges)) + 1);
  }
  while (first < last && !inside(first)) first++;
  while (first < last && !inside(last - 1)) last--;
  return [first, last];
}

// One year's land use on the map.
class LandUse {
  constructor(page, year, pane = "landuse") {
    Object.assign(this, { page, year, grid: year.grid });
    this.layer = new Raster({ pane, paint: (context, view) => this.paint(context, view) });
    this.grid.ready.then(() => this.layer.redraw());
  }

  // Colours by look; what the legend hides has none.
  colors() {
    const { state, data } = this.page;
    const found = new Uint32Array(LOOKS * PALENESS.length);
    data.classes.forEach((kind, index) => {
      if (state.hidden.has(index)) return;
      PALENESS.forEach((paleness, degree) => {
        found[degree * LOOKS + index + 1] = pixelOf(colorOf(this.page, index), state.sureness ? paleness : 0);
      });
    });
    return found;
  }

  paint(context, view) {
    if (this.image?.width !== view.width || this.image.height !== view.height) this.image = context.createImageData(view.width, view.height);
    const pixels = new Uint32Array(this.image.data.buffer).fill(0);
    const colors = this.colors();
    for (const layer of this.grid.layers) {
      if (layer.only === null || !this.page.state.hidden.has(layer.only)) this.fill(pixels, view, layer.looks, colors);
    }
    context.putImageData(this.image, 0, 0);
  }

  // Within a square of the mesh the cell of a pixel moves by equal steps along a line.
  fill(pixels, view, looks, colors) {
    const { toCells, rows, cols } = this.grid;
    for (let j = 0; j < view.height; j++) {
      for (const [first, end, x, y, dx, dy] of toCells.runs(view, j)) {
        const [start, stop] = within(y, dy, rows, ...within(x, dx, cols, first, end));
        for (let i = start, at = j * view.width + start; i < stop; i++, at++) {
          const color = colors[looks[((y + i * dy) | 0) * cols + ((x + i * dx) | 0)]];
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
