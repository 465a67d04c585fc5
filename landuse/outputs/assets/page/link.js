// The view in the address: place, year, open site and swipe, so that a link leads back to what was seen.

function readLink() {
  return Object.fromEntries(new URLSearchParams(window.location.hash.slice(1)));
}

// Write the view into the address, without a step in the browser's history.
function writeLink(page) {
  const middle = page.map.getCenter();
  const found = { at: [page.map.getZoom(), middle.lat.toFixed(6), middle.lng.toFixed(6)].join("/") };
  found.year = page.state.year === null ? "none" : page.years[page.state.year].label;
  if (page.swipe.on) found.swipe = page.years[page.swipe.right.index].label;
  if (page.state.site) found.site = page.state.site.join(".");
  if (language.now !== page.data.language) found.language = language.now;
  try {
    window.history.replaceState(null, "", `#${new URLSearchParams(found)}`);
  } catch {
    // some viewers of files allow no address of their own; the page works without
  }
}

// Show what an address asks for, as far as the page has it.
function followLink(page, asked) {
  const yearOf = (label) => page.years.findIndex((year) => year.label === label);
  if (asked.language in WORDS) page.speak(asked.language);
  if (asked.year === "none") page.showYear(null);
  else if (yearOf(asked.year) >= 0) page.showYear(yearOf(asked.year));
  if (yearOf(asked.swipe) >= 0) page.startSwipe(yearOf(asked.swipe));
  const [zoom, lat, lon] = (asked.at || "").split("/").map(Number);
  if ([zoom, lat, lon].every(Number.isFinite) && Math.abs(lat) <= 90) page.map.setView([lat, lon], zoom, { animate: false });
  const [change, number] = (asked.site || "").split(".").map(Number);
  const list = page.lists[change];
  const site = list && page.changes[change].sites.find((one) => one.number === number);
  if (site) list.go(site);
}
