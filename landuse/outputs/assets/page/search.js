// Search: a chip's name, coordinates, or a district.

function searchBox(page) {
  const names = element("datalist", { id: "district-names" }, ...page.districts.places.map((place) => element("option", { value: place.name })));
  const field = element("input", { type: "search", id: "search", list: "district-names", autocomplete: "off", dir: "auto" });
  const told = element("output", { class: "hint", for: "search" });
  const form = element("form", { class: "search", role: "search" },
    labelled("search", field), button("go", { "data-search": true }), names, told);
  form.querySelector("button").type = "submit";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    told.replaceChildren(...(find(page, field.value) ? [] : [word("not_found")]));
  });
  return form;
}

// Go to what a text names; whether there is such a thing.
function find(page, text) {
  const district = page.districts.find(text);
  if (district >= 0) {
    page.showDistrict(district);
    return true;
  }
  const place = placeOf(page, text);
  if (!place) return false;
  page.map.setView(place, Math.max(page.map.getZoom(), Math.min(15, page.data.most_zoom)), { animate: false });
  openAt(page, place);
  return true;
}

// The middle of a chip, or coordinates: latitude, then longitude, as people say them.
function placeOf(page, text) {
  const [year] = [page.years[page.state.year], ...page.years].filter((one) => one && one.grid.cellOf(text) >= 0);
  if (year) {
    const cell = year.grid.cellOf(text);
    return year.grid.corner((cell % year.grid.cols) + 0.5, Math.floor(cell / year.grid.cols) + 0.5);
  }
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
  if (!found) return null;
  const [lat, lon] = [Number(found[1]), Number(found[2])];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 360 ? L.latLng(lat, lon) : null;
}
