// Where land came from and what it became: hectares of change sites as bands from the earlier class to the later.

const SANKEY = { width: 320, bar: 10, gap: 6, band: 150, least: 1.5 };

// Hectares by pair of classes, the largest first.
function flowsOf(sites) {
  const flows = new Map();
  for (const { from, to, area } of sites) {
    const key = `${from} ${to}`;
    const flow = flows.get(key) || { from, to, area: 0, sites: 0 };
    flows.set(key, { ...flow, area: flow.area + (area || 0), sites: flow.sites + 1 });
  }
  return [...flows.values()].sort((a, b) => b.area - a.area || a.from - b.from || a.to - b.to);
}

// The classes of one side from top to bottom: where each begins, and how much of it is taken.
function sideOf(flows, end, scale) {
  const sums = new Map();
  for (const flow of flows) sums.set(flow[end], (sums.get(flow[end]) || 0) + flow.area);
  let y = 0;
  const side = new Map();
  for (const [index, area] of [...sums].sort((a, b) => b[1] - a[1])) {
    const height = Math.max(SANKEY.least, area * scale);
    side.set(index, { y, height, taken: 0, area });
    y += height + Math.max(SANKEY.gap, 15 - height);
  }
  return { side, height: y };
}

function sankey(page, flows) {
  const total = flows.reduce((sum, flow) => sum + flow.area, 0);
  if (!total) return [];
  const scale = SANKEY.band / total;
  const [left, right] = ["from", "to"].map((end) => sideOf(flows, end, scale));
  const { width, bar } = SANKEY;
  const [start, end] = [110, width - 110];
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${Math.max(left.height, right.height)}`, class: "sankey", role: "img" });
  worded(drawing, { "aria-label": "sankey" });
  for (const flow of flows) {
    const [a, b] = [left.side.get(flow.from), right.side.get(flow.to)];
    const height = flow.area * scale;
    const [y1, y2] = [a.y + a.taken + height / 2, b.y + b.taken + height / 2];
    a.taken += height;
    b.taken += height;
    const middle = (start + end) / 2;
    const path = svg("path", { d: `M${start + bar},${y1}C${middle},${y1} ${middle},${y2} ${end - bar},${y2}` });
    path.setAttribute("style", `fill:none;stroke:var(--class-${flow.to});stroke-opacity:.6;stroke-width:${Math.max(height, SANKEY.least)}px`);
    drawing.append(path);
  }
  for (const [{ side }, x, anchor, at] of [[left, start, "end", start - 4], [right, end - bar, "start", end + 4]]) {
    for (const [index, { y, height }] of side) {
      const box = svg("rect", { x, y, width: bar, height });
      box.setAttribute("style", `fill:var(--class-${index});stroke:#14181d;stroke-width:.5px`);
      const name = page.data.classes[index].name;
      const short = name.length > 17 ? `${name.slice(0, 16)}…` : name;
      drawing.append(box, svg("text", { x: at, y: y + Math.max(height / 2, 4) + 4, "text-anchor": anchor, direction: "ltr" }, isolated(short)));
    }
  }
  return [drawing];
}
