"use strict";
// The labelling page: shows one place at a time, keeps answers in the browser, and writes and reads them as CSV.
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const UNSURE = "unsure";
  const KEYS = "123456789abcdefghijklmnopqrst".split("");
  const store = `landuse-label-${page.key}`;
  const byId = (id) => document.getElementById(id);
  const kept = read();
  let at = Math.max(0, page.places.findIndex((place) => !done(place)));
  let undone = [];

  function read() {
    try {
      const found = JSON.parse(localStorage.getItem(store));
      return found && typeof found === "object" ? found : {};
    } catch { return {}; }
  }
  function keep() {
    try { localStorage.setItem(store, JSON.stringify(kept)); } catch { /* a private window: answers last as long as the page */ }
  }
  function answersOf(place) { return kept[place.id] || {}; }
  function done(place) { return page.questions.every((question) => answersOf(place)[question.column]); }
  function openQuestion() {
    const answers = answersOf(page.places[at]);
    return page.questions.find((question) => !answers[question.column]);
  }
  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function picture(address, share, words, kind) {
    const square = element("span", { className: "square" });
    const inset = `${(1 - share) * 50}%`;
    Object.assign(square.style, { left: inset, top: inset, right: inset, bottom: inset });
    return element("span", { className: `frame ${kind}` }, element("img", { src: address, alt: words }), ...(share < 1 ? [square] : []));
  }
  function showPictures(place) {
    byId("pictures").replaceChildren(...Object.entries(place.pictures).map(([date, [close, wide]]) => {
      const figure = element("figure", {}, element("figcaption", { textContent: date }));
      if (close) figure.append(picture(close, page.outline[0], `The place in ${date}`, "close"), picture(wide, page.outline[1], `Its surroundings in ${date}`, "wide"));
      else figure.append(element("p", { className: "missing", textContent: "The imagery of this date cannot be read any more. Use a viewer of your own." }));
      return figure;
    }));
  }
  function showQuestions(place) {
    const answers = answersOf(place), open = openQuestion();
    byId("questions").replaceChildren(...page.questions.map((question) => {
      const set = element("fieldset", { className: question === open ? "open" : "" }, element("legend", { textContent: question.words }));
      question.answers.forEach((answer, number) => {
        const button = element("button", { type: "button" }, element("kbd", { textContent: (KEYS[number] || "").toUpperCase() }), answer);
        button.setAttribute("aria-pressed", String(answers[question.column] === answer));
        button.addEventListener("click", () => put(question, answer));
        set.append(button);
      });
      if (answers[question.column] === UNSURE) set.append(element("p", { textContent: "Unsure" }));
      return set;
    }));
  }
  function show() {
    const place = page.places[at];
    if (!place) return;
    const answered = page.places.filter(done).length;
    byId("progress").textContent = `Place ${at + 1} of ${page.places.length}; ${answered} answered`;
    byId("where").textContent = `${place.lat.toFixed(6)}, ${place.lon.toFixed(6)}`;
    showPictures(place);
    showQuestions(place);
  }
  function put(question, answer) {
    const place = page.places[at], was = answersOf(place)[question.column] || null;
    undone.push([at, question.column, was]);
    kept[place.id] = { ...answersOf(place), [question.column]: answer };
    keep();
    if (was === null && done(place)) step(1); else show();
  }
  function undo() {
    const last = undone.pop();
    if (!last) return;
    const [where, column, was] = last;
    at = where;
    kept[page.places[at].id] = { ...answersOf(page.places[at]), [column]: was };
    keep();
    show();
  }
  function step(by) { at = Math.min(Math.max(at + by, 0), page.places.length - 1); show(); }
  function nextOpen() {
    const after = page.places.findIndex((place, number) => number > at && !done(place));
    const found = after >= 0 ? after : page.places.findIndex((place) => !done(place));
    if (found >= 0) at = found;
    show();
  }
  function unsure() {
    const question = openQuestion();
    if (question) put(question, UNSURE);
  }

  function table() {
    const extra = page.places.length ? Object.keys(page.places[0].columns) : [];
    const header = [page.id_column, "lon", "lat", ...extra, ...page.questions.map((question) => question.column)];
    const lines = page.places.map((place) => [
      place.id, place.lon, place.lat, ...extra.map((name) => place.columns[name]),
      ...page.questions.map((question) => answersOf(place)[question.column] || ""),
    ]);
    return csvTable([header, ...lines]);
  }
  function save() {
    // a data address, since the page's policy lets nothing else in or out
    element("a", { href: `data:text/csv;charset=utf-8,${encodeURIComponent(table())}`, download: page.file }).click();
  }
  function parse(text) {
    const lines = [[]];
    let value = "", quoted = false;
    for (let i = 0; i < text.length; i += 1) {
      const sign = text[i];
      if (quoted && sign === '"' && text[i + 1] === '"') { value += '"'; i += 1; }
      else if (sign === '"') quoted = !quoted;
      else if (!quoted && sign === ",") { lines.at(-1).push(value); value = ""; }
      else if (!quoted && sign === "\n") { lines.at(-1).push(value); lines.push([]); value = ""; }
      else if (quoted || sign !== "\r") value += sign;
    }
    if (value || lines.at(-1).length) lines.at(-1).push(value);
    return lines.filter((line) => line.length > 1);
  }
  function load(text) {
    const [header, ...lines] = parse(text.replace(/^\uFEFF/, ""));
    const id = (header || []).indexOf(page.id_column);
    if (id < 0) { byId("progress").textContent = `This file has no column ${page.id_column}.`; return; }
    const known = new Set(page.places.map((place) => place.id));
    for (const line of lines) {
      if (!known.has(line[id])) continue;
      for (const question of page.questions) {
        const answer = csvText(line[header.indexOf(question.column)] || "");
        if (answer === UNSURE || question.answers.includes(answer)) {
          kept[line[id]] = { ...kept[line[id]], [question.column]: answer };
        }
      }
    }
    undone = [];
    keep();
    nextOpen();
  }

  byId("export").addEventListener("click", save);
  byId("import").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) load(await file.text());
    event.target.value = "";
  });
  byId("next-open").addEventListener("click", nextOpen);
  byId("back").addEventListener("click", () => step(-1));
  byId("forward").addEventListener("click", () => step(1));
  byId("undo").addEventListener("click", undo);
  byId("unsure").addEventListener("click", unsure);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase(), question = openQuestion();
    if (key === "arrowleft") step(-1);
    else if (key === "arrowright") step(1);
    else if (key === "u") unsure();
    else if (key === "z") undo();
    else if (key === "w") byId("pictures").classList.toggle("large");
    else if (question && KEYS.indexOf(key) >= 0 && KEYS.indexOf(key) < question.answers.length) put(question, question.answers[KEYS.indexOf(key)]);
    else return;
    event.preventDefault();
  });
  show();
})();
