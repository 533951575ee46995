// Shows one slide at a time; S opens a second window with the notes, and both go together.
"use strict";
(() => {
  const root = document.documentElement, steps = [...document.querySelectorAll(".step")];
  const clock = document.getElementById("clock"), keys = document.getElementById("keys");
  let presenter = new URLSearchParams(location.search).has("notes");
  let other = presenter ? window.opener : null, at = 0, begun = null;
  root.classList.add("js");

  // Fonts differ between machines: what would not fit its frame on this one is set a little smaller.
  for (const step of steps) {
    const body = step.querySelector(".body");
    step.style.display = "block";
    for (let fit = 1; body.scrollHeight > body.clientHeight + 1 && fit > 0.55; fit -= 0.05) body.style.setProperty("--fit", fit - 0.05);
    step.style.display = "";
  }

  const place = () => {
    const wide = presenter ? innerWidth * 0.5 : innerWidth, high = presenter ? innerHeight * 0.6 : innerHeight;
    const scale = Math.min(wide / 1280, high / 720), next = Math.min(wide / 1280, (innerHeight * 0.38) / 720);
    root.style.setProperty("--scale", scale);
    root.style.setProperty("--left", presenter ? "0px" : `${(innerWidth - 1280 * scale) / 2}px`);
    root.style.setProperty("--top", presenter ? "0px" : `${(innerHeight - 720 * scale) / 2}px`);
    root.style.setProperty("--next-scale", next);
    root.style.setProperty("--next-top", `${720 * scale + innerHeight * 0.02}px`);
  };

  const show = (number, tell = true) => {
    at = Math.max(0, Math.min(number, steps.length - 1));
    steps.forEach((step, i) => {
      step.classList.toggle("current", i === at);
      step.classList.toggle("next", i === at + 1);
    });
    if (begun === null && at > 0) begun = Date.now();
    try { history.replaceState(null, "", `#${at + 1}`); } catch { location.hash = at + 1; }
    tick();
    if (tell && other && !other.closed) other.postMessage({slide: at}, "*");
  };

  const tick = () => {
    const minutes = begun === null ? 0 : Math.floor((Date.now() - begun) / 60000);
    const {from, to} = steps[at].dataset;
    clock.textContent = `${at + 1} / ${steps.length} · minute ${minutes}` + (to ? ` · this section: ${from} to ${to}` : "");
  };

  const present = () => {  // in this window, where no second one can be had
    presenter = true;
    root.classList.add("presenter");
    clock.hidden = false;
    const page = document.createElement("style");  // on paper: a slide and its notes on a page
    page.textContent = "@media print { @page { size: A4; margin: 15mm; } }";
    document.head.append(page);
    place();
  };

  const notes = () => {
    if (presenter) return;
    other = window.open(`${location.href.split(/[?#]/)[0]}?notes#${at + 1}`, "notes", "width=1200,height=760");
    if (!other) present();
  };

  const go = {
    ArrowRight: () => show(at + 1), ArrowDown: () => show(at + 1), PageDown: () => show(at + 1), " ": () => show(at + 1),
    ArrowLeft: () => show(at - 1), ArrowUp: () => show(at - 1), PageUp: () => show(at - 1),
    Home: () => show(0), End: () => show(steps.length - 1), s: notes, "?": () => keys.showModal(),
    f: () => document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(),
  };
  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open || !go[key]) return;
    event.preventDefault();
    go[key]();
  });
  let touch = null;
  document.addEventListener("touchstart", (event) => { touch = event.changedTouches[0].clientX; }, {passive: true});
  document.addEventListener("touchend", (event) => {
    const moved = event.changedTouches[0].clientX - touch;
    if (Math.abs(moved) > 50) show(at + (moved < 0 ? 1 : -1));
  });
  window.addEventListener("message", (event) => {
    if (!Number.isInteger(event.data?.slide)) return;
    other = event.source;
    show(event.data.slide, false);
  });
  window.addEventListener("hashchange", () => show((parseInt(location.hash.slice(1)) || 1) - 1));
  window.addEventListener("resize", place);
  setInterval(tick, 5000);
  if (presenter) present();
  place();
  show((parseInt(location.hash.slice(1)) || 1) - 1);
})();
