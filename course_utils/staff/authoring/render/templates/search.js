// Search over the course: works from a file, asks nobody. Without this script the pages are complete all the same.
"use strict";
(() => {
  const up = document.body.dataset.up;
  const box = document.createElement("div");
  box.className = "search";
  box.setAttribute("role", "search");
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "Search the course";
  input.setAttribute("aria-label", "Search the course");
  const list = document.createElement("ol");
  list.hidden = true;
  list.setAttribute("aria-label", "Found");
  box.append(input, list);
  document.querySelector("header.top").append(box);

  let loading;
  const load = () => loading ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = `${up}/search-index.js`;
    script.onload = done;
    document.head.append(script);
  });

  // A section is found when it holds every word; words in headings weigh most, then how often they occur.
  const find = (words) => window.courseIndex
    .map(([url, page, heading, text]) => {
      const titles = `${page} ${heading}`.toLowerCase(), body = text.toLowerCase();
      let weight = 0;
      for (const word of words) {
        const times = body.split(word).length - 1;
        if (!times && !titles.includes(word)) return null;
        weight += Math.min(times, 5) + (heading.toLowerCase().includes(word) ? 20 : 0) + (titles.includes(word) ? 5 : 0);
      }
      return {url, page, heading, text, weight};
    })
    .filter(Boolean)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, 20);

  // The text around the first word that was found, the words marked.
  const extract = (text, words) => {
    const first = Math.min(...words.map((w) => text.toLowerCase().indexOf(w)).filter((i) => i >= 0), text.length);
    const at = first > 50 ? text.indexOf(" ", first - 50) + 1 : 0;
    const small = document.createElement("small");
    const shown = (at ? "… " : "") + text.slice(at, at + 150) + (at + 150 < text.length ? " …" : "");
    let rest = shown;
    while (rest) {
      const low = rest.toLowerCase();
      const next = words.map((w) => [low.indexOf(w), w.length]).filter(([i]) => i >= 0).sort((a, b) => a[0] - b[0])[0];
      if (!next) { small.append(rest); break; }
      const mark = document.createElement("mark");
      mark.textContent = rest.slice(next[0], next[0] + next[1]);
      small.append(rest.slice(0, next[0]), mark);
      rest = rest.slice(next[0] + next[1]);
    }
    return small;
  };

  const show = async () => {
    const words = input.value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
    if (!words.length) { list.hidden = true; return; }
    await load();
    const found = find(words);
    list.replaceChildren(...found.map(({url, page, heading, text}) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = `${up}/${url}`;
      link.append(heading);
      if (heading !== page) {
        const where = document.createElement("small");
        where.textContent = page;
        link.append(where);
      }
      link.append(extract(text, words));
      item.append(link);
      return item;
    }));
    if (!found.length) list.append(Object.assign(document.createElement("li"), {textContent: "Nothing found. Try fewer words."}));
    list.hidden = false;
  };

  input.addEventListener("focus", load);
  input.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); input.focus(); }
    if (list.hidden) return;
    if (event.key === "Escape") { list.hidden = true; input.focus(); }
    if (event.key === "ArrowDown" && (at >= 0 || document.activeElement === input)) { event.preventDefault(); links[Math.min(at + 1, links.length - 1)]?.focus(); }
    if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); (links[at - 1] ?? input).focus(); }
  });
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) list.hidden = true; });
})();
