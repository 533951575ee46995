// The page "Try it": what is typed goes to the model, what it says is shown. The weights come from a script beside the page, as a
// page that was opened from a file may not read files.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const made = (name, settings = {}, ...children) => {
    const element = document.createElement(name);
    Object.assign(element, settings);
    element.append(...children);
    return element;
  };
  const SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥"};
  const visible = (text) => [...text].map((sign) => SIGNS[sign] ?? sign).join("") || "·";
  const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−").replace(/^−(0\.0+)$/, "$1");
  const percent = (p) => p >= 0.001 ? `${(100 * p).toFixed(1)}%` : p.toExponential(0).replace("-", "−");
  const total = (tokens) => tokens.reduce((sum, token) => sum + token.logProb, 0);

  // The same shades as in the notebooks: from white to orange, full at 10 nats; black on them can always be read.
  const ground = (nats) => {
    const shade = Math.min(1, nats / 10);
    return `rgb(255, ${Math.round(255 - 96 * shade)}, ${Math.round(255 - 255 * shade)})`;
  };

  function chip(token, given, open) {
    const chip = made(open ? "button" : "span", {className: "chip"},
      made("code", {textContent: visible(token.text)}),
      made("small", {textContent: given ? `given ${number(-token.logProb)}` : number(-token.logProb)}));
    if (!given) chip.style.background = ground(-token.logProb);
    if (open) {
      chip.type = "button";
      chip.title = "what else could stand here";
      chip.addEventListener("click", () => open(token, chip));
    }
    return chip;
  }

  // ---- one sentence ------------------------------------------------------------------------------------------------

  function showSentence(model, tokens) {
    const open = (token, button) => showPlace(model, token, button);
    at("strip").replaceChildren(...tokens.map((token) => chip(token, false, open)));
    at("place").hidden = true;
    const sum = total(tokens);
    at("sums").textContent = tokens.length
      ? `log Pr(text) = ${number(sum)} nats = ${number(sum / Math.LN2)} bits over ${tokens.length} tokens; `
        + `perplexity ${number(Math.exp(-sum / tokens.length))}: as hard as that many equally likely choices at each token. `
        + "Press a token to see what else could stand there."
      : "The empty text has log Pr = 0: nothing has been said yet.";
    drawZoom(model, tokens);
  }

  const best = (row, count) => [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count);

  function showPlace(model, token, button) {
    for (const other of at("strip").children) other.removeAttribute("aria-expanded");
    button.setAttribute("aria-expanded", "true");
    const rank = token.row.reduce((count, each) => count + (each > token.logProb), 1);
    const entropy = token.row.reduce((sum, each) => sum - Math.exp(each) * each, 0);
    const shown = best(token.row, 8);
    if (!shown.includes(token.id)) shown.push(token.id);
    at("place").replaceChildren(
      made("p", {textContent: `“${visible(token.text)}” is number ${rank} of ${token.row.length} tokens at this place, with a `
        + `probability of ${percent(Math.exp(token.logProb))}. The entropy here is ${number(entropy)} nats: on average a token `
        + "has that surprisal."}),
      ...shown.map((id) => {
        const bar = made("span", {className: "bar"});
        bar.style.width = `${Math.max(0.3, 100 * Math.exp(token.row[id] - Math.max(...shown.map((each) => token.row[each]))))}%`;
        return made("div", {className: id === token.id ? "choice chosen" : "choice"},
          made("code", {textContent: visible(model.tokenizer.decode([id])) + (id === token.id ? "  ◂" : "")}),
          made("span", {className: "track"}, bar), made("span", {textContent: percent(Math.exp(token.row[id]))}));
      }));
    at("place").hidden = false;
  }

  // ---- the interval ------------------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  function drawn(name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  // For each of the first tokens a bar: all that may come next, the likeliest first, and the token that came.
  function drawZoom(model, tokens) {
    const shown = tokens.slice(0, 8), width = Math.min(736, Math.max(300, at("zoom").clientWidth)), height = 30, step = 62;
    const picture = drawn("svg", {viewBox: `0 0 ${width} ${Math.max(1, shown.length) * step}`, role: "img"});
    let sum = 0;
    shown.forEach((token, index) => {
      const top = index * step + 2, order = best(token.row, 40);
      let from = 0, chosen = null;
      for (const id of order.includes(token.id) ? order : [...order, token.id]) {
        const share = Math.exp(token.row[id]), wide = share * width;
        // what is not among the likeliest lies somewhere in the rest
        if (id === token.id && !order.includes(id)) from = Math.min(width - wide, (from + width) / 2);
        if (id === token.id) chosen = [from, wide];
        if (wide > 1 || id === token.id) {
          picture.append(drawn("rect", {x: from, y: top, width: Math.max(wide, 1.5), height, class: id === token.id ? "chosen" : "part"}));
        }
        const label = visible(model.tokenizer.decode([id]));
        if (wide > 9 * label.length + 6) {
          picture.append(drawn("text", {x: from + wide / 2, y: top + 20, "text-anchor": "middle", class: id === token.id ? "on" : ""}, label));
        }
        from += wide;
      }
      picture.prepend(drawn("rect", {x: 0, y: top, width, height, class: "rest"}));
      const [left, wide] = chosen;
      sum += token.logProb;
      if (token !== shown.at(-1)) picture.append(drawn("path", {class: "zooming", d: `M${left} ${top + height} L0 ${top + step} L${width} ${top + step} L${left + Math.max(wide, 1.5)} ${top + height} Z`}));
      picture.append(drawn("text", {x: width / 2, y: top + height + 20, "text-anchor": "middle", class: "width"},
        `${visible(token.text)}: width ${Math.exp(sum).toPrecision(2)}, ${number(-sum / Math.LN2, 1)} bits`));
    });
    picture.setAttribute("aria-label", `The first ${shown.length} tokens, each a part of the interval of those before it; `
      + `the last has a width of ${Math.exp(sum).toPrecision(2)}.`);
    at("zoom").replaceChildren(...(shown.length ? [picture] : []));
  }

  // ---- x and y -----------------------------------------------------------------------------------------------------

  // y begins where the tokens of x + y leave those of x, as in the scorer.
  async function scorePair(model, x, y, stale) {
    const tokens = await model.tokens(x + y, stale);
    if (!tokens) return;
    const own = model.tokenizer.encode(x);
    let start = 0;
    while (start < own.length && tokens[start]?.id === own[start]) start++;
    const given = tokens.slice(0, start), scored = tokens.slice(start);
    at("pair-strip").replaceChildren(...given.map((token) => chip(token, true)), ...scored.map((token) => chip(token, false)));
    at("marginal").textContent = `${number(total(given), 4)} nats`;
    at("conditional").textContent = `${number(total(scored), 4)} nats`;
    at("joint").textContent = `${number(total(tokens), 4)} nats`;
    at("pair-note").textContent = start < own.length
      ? "A token spans the join of x and y: it belongs to both, and the conditional begins with it."
      : scored.length ? `For each token of y ${number(total(scored) / scored.length)} nats.` : "y is empty: its conditional is 0.";
  }

  // ---- from typing to showing --------------------------------------------------------------------------------------

  // One text after the other, as all share the model's cache; of several changes only the last is computed.
  function listen(model) {
    let asked = {}, running = Promise.resolve();
    const ask = (name, work) => {
      const mine = asked[name] = {};
      running = running.then(() => asked[name] === mine ? work(() => asked[name] !== mine) : null);
      running = running.catch((error) => { at("state").textContent = `Something went wrong: ${error.message}`; });
    };
    const sentence = () => ask("sentence", async (stale) => {
      const tokens = await model.tokens(at("sentence").value, stale);
      if (tokens) showSentence(model, tokens);
    });
    const pair = () => ask("pair", (stale) => scorePair(model, at("x").value, at("y").value, stale));
    at("sentence").addEventListener("input", sentence);
    for (const id of ["x", "y"]) at(id).addEventListener("input", pair);
    sentence();
    pair();
  }

  const data = document.createElement("script");
  data.src = "model-data.js";
  data.onerror = () => { at("state").textContent = "The model is not there: model-data.js has to lie beside this page."; };
  data.onload = () => setTimeout(() => {  // first the page, then the work
    const model = window.courseModel = new CourseModel(window.courseModelData);
    delete window.courseModelData;
    at("state").textContent = "The model is ready.";
    listen(model);
  });
  document.head.append(data);
})();
