// A year's land use as packed rasters on its own lattice, and the way between that lattice and the map.

const UNKNOWN = 255; // stands for a confidence that is not known, beside 0 to 100 per cent
const MOST_EDGES = 20000;
const SURE = [80, 60]; // per cent from which a cell is drawn in full colour, and in paler colour
const LOOKS = 256; // of each degree of sureness: a cell's look is its class and, in steps of this, its degree

// Two values at the nodes of a rectangle, linear between them.
class Mesh {
  constructor({ corner, size, rows, cols, values }) {
    Object.assign(this, { corner, rows, cols, step: [size[0] / (cols - 1), size[1] / (rows - 1)] });
    [this.u, this.v] = values.map((one) => Float64Array.from(one));
  }

  // The node to the north-west of a point, within the rectangle, and the point's shares of the way to the next.
  place(x, y) {
    const [right, down] = [(x - this.corner[0]) / this.step[0], (y - this.corner[1]) / this.step[1]];
    const col = Math.min(Math.max(Math.floor(right), 0), this.cols - 2);
    const row = Math.min(Math.max(Math.floor(down), 0), this.rows - 2);
    return [row * this.cols + col, right - col, down - row];
  }

  at(x, y) {
    const [node, s, t] = this.place(x, y);
    const mix = (k) => (k[node] * (1 - s) + k[node + 1] * s) * (1 - t) + (k[node + this.cols] * (1 - s) + k[node + this.cols + 1] * s) * t;
    return [mix(this.u), mix(this.v)];
  }

  // The values along line j of a view, in runs [first, end, u, v, du, dv]: at pixel i of the line they are u + i * du, v + i * dv.
  runs(view, j) {
    const [node, , t] = this.place(this.corner[0], view.y + (j + 0.5) * view.step);
    const found = [];
    const pixel = (col) => (this.corner[0] + col * this.step[0] - view.x) / view.step - 0.5;
    const ends = (k, at) => [at, at + 1].map((one) => k[one] * (1 - t) + k[one + this.cols] * t);
    for (let col = 0; col < this.cols - 1; col++) {
      const [west, east] = [pixel(col), pixel(col + 1)];
      const first = col ? Math.max(0, Math.ceil(west)) : 0;
      const end = col < this.cols - 2 ? Math.min(view.width, Math.ceil(east)) : view.width;
      if (first >= end) continue;
      const lines = [this.u, this.v].map((k) => {
        const [left, right] = ends(k, node + col);
        const slope = (right - left) / (east - west);
        return [left - west * slope, slope];
      });
      found.push([first, end, lines[0][0], lines[1][0], lines[0][1], lines[1][1]]);
    }
    return found;
  }
}

async function unpacked(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// How each cell of a layer looks, 0 where it has no class.
function looksOf({ classes, percent }) {
  const looks = new Uint16Array(classes.length);
  for (let cell = 0; cell < classes.length; cell++) {
    const sure = percent === null ? UNKNOWN : percent[cell];
    looks[cell] = classes[cell] && classes[cell] + (sure >= SURE[0] ? 0 : sure >= SURE[1] ? LOOKS : 2 * LOOKS);
  }
  return looks;
}

// Add cells [from, to) of some classes to the `counts` of each class.
function count(classes, from, to, counts) {
  for (let cell = from; cell < to; cell++) counts[classes[cell]]++;
}

// `layers` hold a class (its number + 1, or 0) and a confidence for each cell; there are several where squares carry several.
class Grid {
  constructor({ rows, cols, lattice, to_world, to_cells, layers }) {
    Object.assign(this, { rows, cols, lattice, toWorld: new Mesh(to_world), toCells: new Mesh(to_cells), layers: [], counts: new Uint32Array(LOOKS) });
    this.ready = this.unpack(layers);
  }

  async unpack(layers) {
    const unpack = async ({ classes, percent }) => ({
      classes: await unpacked(classes), percent: percent === null ? null : await unpacked(percent),
    });
    this.layers = await Promise.all(layers.map(unpack));
    for (const layer of this.layers) {
      layer.looks = looksOf(layer);
      count(layer.classes, 0, layer.classes.length, this.counts);
      layer.only = this.layers.length > 1 ? layer.classes.find((kind) => kind) - 1 : null;
    }
  }

  // The cell at a place, -1 where there is none.
  cellAt(latlng) {
    const [col, row] = this.toCells.at(...worldOf(latlng)).map(Math.floor);
    return col >= 0 && row >= 0 && col < this.cols && row < this.rows ? row * this.cols + col : -1;
  }

  // The place of a corner of cells.
  corner(col, row) {
    return latLngOf(...this.toWorld.at(col, row));
  }

  // What a cell carries: class, confidence (0 to 1 or null) and layer of each.
  carriedBy(cell) {
    if (cell < 0) return [];
    return this.layers.filter(({ classes }) => classes[cell]).map((layer) => {
      const sure = layer.percent ? layer.percent[cell] : UNKNOWN;
      return { class: layer.classes[cell] - 1, confidence: sure === UNKNOWN ? null : sure / 100, layer };
    });
  }

  // The name of a cell on the lattice of chips, and the cell of a name.
  idOf(cell) {
    return this.lattice && `r${this.lattice.row - Math.floor(cell / this.cols)}c${this.lattice.col + (cell % this.cols)}`;
  }

  cellOf(id) {
    const found = /^r(-?\d+)c(-?\d+)$/i.exec(id.trim());
    if (!found || !this.lattice) return -1;
    const [row, col] = [this.lattice.row - Number(found[1]), Number(found[2]) - this.lattice.col];
    return col >= 0 && row >= 0 && col < this.cols && row < this.rows ? row * this.cols + col : -1;
  }

  // The cells of one class that hang together with a cell by their edges.
  region(cell, { classes }) {
    const { rows, cols } = this;
    const kind = classes[cell];
    const inside = new Uint8Array(rows * cols);
    const found = [cell];
    inside[cell] = 1;
    for (let at = 0; at < found.length; at++) {
      const here = found[at];
      const col = here % cols;
      const beside = [col > 0 ? here - 1 : -1, col < cols - 1 ? here + 1 : -1, here - cols, here + cols];
      for (const next of beside) {
        if (next >= 0 && next < inside.length && !inside[next] && classes[next] === kind) {
          inside[next] = 1;
          found.push(next);
        }
      }
    }
    return { cells: found, inside };
  }

  // The edges of a region as lines; none where there are too many to be of use.
  outline({ cells, inside }) {
    const { rows, cols } = this;
    const lines = [];
    for (const cell of cells) {
      const [row, col] = [Math.floor(cell / cols), cell % cols];
      if (row === 0 || !inside[cell - cols]) lines.push([col, row, col + 1, row]);
      if (row === rows - 1 || !inside[cell + cols]) lines.push([col, row + 1, col + 1, row + 1]);
      if (col === 0 || !inside[cell - 1]) lines.push([col, row, col, row + 1]);
      if (col === cols - 1 || !inside[cell + 1]) lines.push([col + 1, row, col + 1, row + 1]);
      if (lines.length > MOST_EDGES) return [];
    }
    return lines.map(([col1, row1, col2, row2]) => [this.corner(col1, row1), this.corner(col2, row2)]);
  }

  // Cells of each class whose middles lie within some bounds, by class.
  countsWithin(bounds, classes) {
    const corners = [bounds.getNorthWest(), bounds.getNorthEast(), bounds.getSouthEast(), bounds.getSouthWest()];
    const quad = corners.map((corner) => this.toCells.at(...worldOf(corner)));
    const counts = new Uint32Array(LOOKS);
    const heights = quad.map(([, row]) => row);
    const [first, last] = [Math.max(0, Math.floor(Math.min(...heights))), Math.min(this.rows - 1, Math.ceil(Math.max(...heights)))];
    for (let row = first; row <= last; row++) {
      const [west, east] = crossed(quad, row + 0.5);
      const [from, to] = [Math.max(0, Math.ceil(west - 0.5)), Math.min(this.cols, Math.ceil(east - 0.5))];
      for (const layer of this.layers) count(layer.classes, row * this.cols + from, row * this.cols + to, counts);
    }
    return [...counts.slice(1, classes + 1)];
  }
}

// Where a line of equal y enters and leaves a convex shape; an empty stretch where it passes by.
function crossed(corners, y) {
  const found = [];
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length];
    if (y1 > y !== y2 > y) found.push(x1 + ((x2 - x1) * (y - y1)) / (y2 - y1));
  });
  return found.length ? [Math.min(...found), Math.max(...found)] : [0, 0];
}
