"use strict";
// Everything that is shown comes from the data block, and only as text: nothing of it is taken for markup or code.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { names, words } = data;
  const W = { id: 0, title: 1, year: 2, status: 3, reason: 4, source: 5, version: 6, license: 7, host: 8, publisher: 9, file: 10, url: 11, doi: 12, key: 13, also: 14, retracted: 15 };
  const works = data.works;

  const element = (name, text, attributes) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    return made;
  };
  const link = (text, address, label) => {
    const safe = /^https?:\/\//i.test(address) || /^(works|files)\//.test(address);
    if (!safe) return document.createTextNode(text);
    const made = element("a", text, { href: address, rel: "noreferrer" });
    if (label) made.setAttribute("aria-label", label);
    return made;
  };
  const path = (text) => text.split("/").map(encodeURIComponent).join("/");
  const named = (kind, index) => (index === null ? "" : names[kind][index]);
  const doi = (work) => work[W.doi] || (work[W.id].startsWith("doi:") ? work[W.id].slice(4) : "");
  const doiAddress = (text) => "https://doi.org/" + path(text);
  const openurl = (work) => {
    if (!data.openurl) return null;
    const asked = new URLSearchParams({ url_ver: "Z39.88-2004", ctx_ver: "Z39.88-2004", "rft_val_fmt": "info:ofi/fmt:kev:mtx:journal", "rft.genre": "article" });
    if (doi(work)) asked.set("rft_id", "info:doi/" + doi(work));
    const pmid = /^pmid:(\d+)$/.exec(work[W.id]);
    if (pmid) asked.set("rft_id", "info:pmid/" + pmid[1]);
    if (work[W.title]) asked.set("rft.atitle", work[W.title]);
    if (work[W.year]) asked.set("rft.date", String(work[W.year]));
    return data.openurl + (data.openurl.includes("?") ? "&" : "?") + asked;
  };
  const about = (work) => (work[W.reason] === null ? ["", ""] : words[work[W.reason]]);

  const marked = (w) => (w[W.retracted] ? "Retracted: " : "") + (w[W.title] || "");
  const title = { label: "Title", wide: true, value: (w) => w[W.title] || "", show: (w) => document.createTextNode(marked(w)) };
  const year = { label: "Year", value: (w) => w[W.year] || 0, show: (w) => document.createTextNode(w[W.year] || "") };
  const identifier = {
    label: "Identifier", value: (w) => w[W.id],
    show: (w) => {
      const id = doi(w);
      if (id) return link(id, doiAddress(id));
      const address = w[W.id].replace(/^url:/, "");
      return /^https?:/.test(address) ? link(address, address) : document.createTextNode(w[W.id]);
    },
  };
  const key = { label: "Key", value: (w) => w[W.key] || "", show: (w) => document.createTextNode(w[W.key] || "") };
  const columns = {
    missing: [
      title, year, identifier,
      { label: "Why", wide: true, value: (w) => about(w)[0], show: (w) => document.createTextNode(about(w)[0]) },
      {
        label: "What next", wide: true, value: (w) => about(w)[1],
        show: (w) => {
          const cell = document.createDocumentFragment();
          cell.append(about(w)[1]);
          const name = w[W.title] || w[W.id];
          if (openurl(w)) cell.append(" ", link("Library", openurl(w), "Library: " + name));
          if (w[W.url]) cell.append(" ", link("Copy", w[W.url], "Copy that was refused: " + name));
          return cell;
        },
      },
      key,
    ],
    all: [
      title, year, identifier,
      { label: "Status", value: (w) => named("status", w[W.status]), show: (w) => document.createTextNode(named("status", w[W.status]).replace(/_/g, " ")) },
      {
        label: "File", value: (w) => w[W.file] || "",
        show: (w) => {
          const cell = document.createDocumentFragment();
          for (const file of [w[W.file], ...(w[W.also] || [])]) {
            if (!file) continue;
            const form = file.endsWith(".xml") ? "XML" : "PDF";
            if (cell.hasChildNodes()) cell.append(" ");
            // No browser opens what is in a store.
            if (/^(s3|gs|az):/.test(file)) cell.append(element("span", form, { title: file }));
            else cell.append(link(form, path(file), form + ": " + (w[W.title] || w[W.id])));
          }
          return cell;
        },
      },
      ...["source", "host", "version", "license", "publisher"].map((kind) => ({
        label: kind[0].toUpperCase() + kind.slice(1).replace("icense", "icence"),
        value: (w) => named(kind, w[W[kind]]), show: (w) => document.createTextNode(named(kind, w[W[kind]])),
      })),
      key,
    ],
  };

  let haystack = null;
  const texts = () => {
    haystack = haystack || works.map((w) => [w[W.title], w[W.id], doi(w), w[W.year], w[W.key], about(w)[0], named("source", w[W.source]), named("host", w[W.host]), named("publisher", w[W.publisher]), named("license", w[W.license])].join("\n").toLowerCase());
    return haystack;
  };

  const build = (name, all) => {
    const section = document.getElementById(name);
    const find = (part) => section.querySelector(part);
    const [search, facet, size, head, body, says] = ["input", "select.facet", "select.size", "thead tr", "tbody", ".says"].map(find);
    const [before, after] = section.querySelectorAll(".pages button");
    const state = { sort: null, down: false, page: 0, shown: all };
    head.replaceChildren(...columns[name].map((column, at) => {
      const cell = element("th", null, { scope: "col" });
      const button = element("button", column.label, { type: "button" });
      button.addEventListener("click", () => {
        state.down = state.sort === at && !state.down;
        state.sort = at;
        state.page = 0;
        for (const other of head.children) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
        choose();
      });
      cell.append(button);
      return cell;
    }));
    const rows = (indices) => indices.map((at) => {
      const row = element("tr");
      for (const column of columns[name]) {
        const cell = element("td", null, { "data-label": column.label });
        if (column.wide) cell.className = "wide";
        cell.append(column.show(works[at]));
        row.append(cell);
      }
      return row;
    });
    const draw = () => {
      const many = Number(size.value);
      const last = Math.max(0, Math.ceil(state.shown.length / many) - 1);
      state.page = Math.min(state.page, last);
      const from = state.page * many;
      const part = state.shown.slice(from, from + many);
      body.replaceChildren(...rows(part));
      before.disabled = state.page === 0;
      after.disabled = state.page === last;
      says.textContent = part.length ? `${from + 1} to ${from + part.length} of ${state.shown.length}` : "none";
    };
    const choose = () => {
      const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const of = facet.value === "" ? null : Number(facet.value);
      const kind = W[facet.dataset.kind];
      let chosen = all;
      if (of !== null) chosen = chosen.filter((at) => works[at][kind] === of);
      if (wanted.length) chosen = chosen.filter((at) => wanted.every((word) => texts()[at].includes(word)));
      if (state.sort !== null) {
        const { value } = columns[name][state.sort];
        const keyed = chosen.map((at) => [value(works[at]), at]);
        const order = new Intl.Collator(undefined, { numeric: true });
        keyed.sort(([a], [b]) => (typeof a === "number" ? a - b : order.compare(a, b)) * (state.down ? -1 : 1));
        chosen = keyed.map(([, at]) => at);
      }
      state.shown = chosen;
      draw();
    };
    let waiting;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { state.page = 0; choose(); }, 150);
    });
    facet.addEventListener("change", () => { state.page = 0; choose(); });
    size.addEventListener("change", draw);
    before.addEventListener("click", () => { state.page -= 1; draw(); });
    after.addEventListener("click", () => { state.page += 1; draw(); });
    section.querySelector(".tools").hidden = false;
    section.querySelector(".pages").hidden = false;
    draw();
    return { all: () => body.replaceChildren(...rows(state.shown.slice(0, 5000))), draw };
  };

  const stored = names.status.indexOf("stored");
  const missing = build("missing", works.map((_, at) => at).filter((at) => works[at][W.status] !== stored));
  build("all", works.map((_, at) => at));
  // Paper has no next page.
  addEventListener("beforeprint", missing.all);
  addEventListener("afterprint", missing.draw);
})();
