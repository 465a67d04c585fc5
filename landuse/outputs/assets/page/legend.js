// The legend: classes to show or hide, with their areas on the whole map, in the view, or in a district.

class Legend {
  constructor(page) {
    this.page = page;
    this.cells = [];
    this.body = element("tbody");
    this.foot = element("tr", {}, element("th", { scope: "row" }, word("mapped")), ...this.numbers(null));
    this.scope = choice({ id: "scope" }, this.scopes());
    this.scope.addEventListener("change", () => this.scoped());
    this.body.append(...this.listed().map((index) => this.line(index)));
    page.map.on("moveend", () => this.scope.value === "view" && requestAnimationFrame(() => this.fill()));
  }

  // The classes that stand in the legend; that a square lacks one of several is no class to be picked.
  listed() {
    const { data } = this.page;
    return data.classes.map((_, index) => index).filter((index) => !data.several || data.years.some((year) => year.legend.includes(index)));
  }

  scopes() {
    const { districts } = this.page;
    const named = districts.areas.some((table) => table) ? districts.places.map((place) => [String(place.index), place.name]) : [];
    return [["whole", word("whole_map")], ["view", word("this_view")], ...named];
  }

  scoped() {
    const index = Number(this.scope.value);
    if (Number.isInteger(index)) this.page.districts.show(index);
    this.fill();
  }

  line(index) {
    const { data, state } = this.page;
    const kind = data.several ? { type: "radio", name: "class" } : { type: "checkbox" };
    const box = element("input", { ...kind, "data-class": index });
    box.checked = !state.hidden.has(index);
    box.addEventListener("change", () => this.page.classesChanged());
    const name = element("label", {}, box, swatch(index), named(data.classes[index].name));
    return element("tr", {}, element("th", { scope: "row" }, name), ...this.numbers(index));
  }

  // A cell for each year; `index` null stands for the sum.
  numbers(index) {
    return this.page.data.years.map((_, year) => {
      const cell = element("td", { class: "number", "data-year": year });
      this.cells.push({ cell, index, year });
      return cell;
    });
  }

  // Hectares of each class in a year, and of all that is mapped.
  areas(year) {
    const { page, scope } = this;
    const said = page.data.years[year];
    if (scope.value === "whole") return [said.areas, said.mapped];
    let found;
    if (scope.value === "view") {
      const counts = page.years[year].grid.countsWithin(page.map.getBounds(), page.data.classes.length);
      found = Object.fromEntries(counts.map((count, index) => [index, count * page.years[year].haOf(index)]));
    } else {
      const table = page.districts.areas[year];
      found = table ? table[Number(scope.value)] : {};
    }
    const areas = Object.values(found);
    return [found, page.data.several ? Math.max(0, ...areas) : areas.reduce((sum, area) => sum + area, 0)];
  }

  fill() {
    const found = this.page.data.years.map((_, year) => this.areas(year));
    const several = this.page.data.several && this.scope.value !== "whole";
    for (const { cell, index, year } of this.cells) {
      const [areas, mapped] = found[year];
      const area = index === null ? mapped : areas[index] || 0;
      const parts = [living(() => areaNumber(area))];
      if (index !== null && mapped && !several) parts.push(element("small", {}, living(() => shareOf(area / mapped))));
      cell.replaceChildren(...(index === null && several ? [] : parts));
    }
  }

  section() {
    const { data } = this.page;
    const years = data.years.map((year, i) => element("th", { scope: "col", class: "number", "data-year": i }, named(year.label)));
    const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, word("class")), ...years));
    const hint = element("p", { class: "hint" }, word(data.several ? "legend_hint_several" : "legend_hint"));
    if (this.page.changes.length) hint.append(" ", word("legend_hint_changes"));
    return element("section", { "aria-labelledby": "legend-heading" }, element("h2", { id: "legend-heading" }, word("legend")),
      labelled("areas_of", this.scope, { class: "scope" }),
      element("table", { class: "legend" }, head, this.body, element("tfoot", {}, this.foot)), hint);
  }
}
