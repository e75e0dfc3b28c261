"use strict";
// Text reaches the page through text nodes alone; nothing here writes markup.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const report = read("report-data");
  const drawn = read("chart-data");
  const PER_PAGE = 50;
  const LONG = 300;
  const LINES = 9;

  // ── small things ──
  const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{d800}-\u{dfff}\u{e0000}-\u{e007f}]/gu;
  const sign = (character) => `\u27e8U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  const visible = (text) => text.replaceAll("\r\n", "\n").replace(unseen, sign);
  const make = (tag, className, ...children) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };
  const count = (number) => number.toLocaleString("en-US");
  const seconds = (s) => (s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(2)} s`);

  // ── charts ──
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const percent = (number) => `${Math.round(number * 1000) / 10}%`.replace("-", "\u2212");
  const font = () => `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = (more) => ({
    stroke: colour("quiet"), font: font(), labelFont: font(), grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1, size: 5 }, ...more,
  });
  const lineAxis = (at, names) => axis({
    side: 0, size: 26, gap: 2, splits: () => at, values: () => names, ticks: { show: false },
    grid: { stroke: colour("quiet"), width: 1, dash: [4, 4] },
  });

  const verdictChart = ({ low, value, high, lines }, width) => {
    const ends = [Math.min(low, ...lines), Math.max(high, ...lines)];
    const room = Math.max((ends[1] - ends[0]) * 0.06, 0.005);
    const at = [low, value, high].sort((a, b) => a - b);
    const apart = (width - 20) * 0.1 / (ends[1] - ends[0] + 2 * room);
    const short = lines.map((line) => (line === 0 ? "0" : percent(line)));
    const long = lines.map((line, i) => ["0", `stop below ${percent(line)}`, `deploy from ${percent(line)}`][i]);
    const one = lines.map((_, i) => (i === lines.length >> 1 ? short.join(" \u00b7 ") : ""));
    const names = apart > 115 ? long : apart > 38 ? short : one;
    return [{
      width, height: 104, legend: { show: false }, cursor: { show: false }, padding: [0, 16, 0, 16],
      scales: { x: { time: false, range: [ends[0] - room, ends[1] + room] }, y: { range: [0, 2] } },
      axes: [axis({ grid: { show: false }, size: 34, space: 80, values: (_, all) => all.map(percent) }), { show: false }, { scale: "x", ...lineAxis(lines, names) }],
      series: [
        {},
        { stroke: colour("accent"), width: 3, points: { show: false } },
        { stroke: colour("accent"), paths: () => null, points: { show: true, size: 12, fill: colour("accent"), stroke: colour("paper"), width: 2 } },
      ],
    }, [at, [1, 1, 1], at.map((x) => (x === value ? 1 : null))]];
  };

  const WHOLE = [...Array(10).keys()].flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power));
  const curveChart = (name, { steps, train, valid, epochs, marks, window: averaged }, width) => {
    const figure = (number) => (number == null ? "\u2013" : name === "accuracy" ? percent(number) : number.toPrecision(4));
    const nearest = (step) => steps.findIndex((at) => at >= step);
    const marked = steps.map(() => null);
    for (const mark of marks) {
      const i = nearest(mark.step);
      if (i >= 0) marked[i] = valid[i] ?? train[i] ?? valid.slice(0, i).findLast((number) => number != null) ?? null;
    }
    const named = (i) => marks.filter((mark) => nearest(mark.step) === i).map((mark) => mark.name).join(", ") || "\u2013";
    const few = (all) => all.filter((number) => number != null).length <= 60;
    const series = [
      { label: "step", value: (_, step) => (step == null ? "\u2013" : count(step)) },
      { label: averaged > 1 ? `training, mean of ${averaged} steps` : "training", stroke: colour("base"), width: 1.5, spanGaps: true, points: { show: few(train), size: 5, fill: colour("base"), stroke: colour("base") }, value: (_, number) => figure(number) },
      { label: "validation", stroke: colour("accent"), width: 2.5, spanGaps: true, points: { show: few(valid), size: 7, fill: colour("accent"), stroke: colour("accent") }, value: (_, number) => figure(number) },
    ];
    const data = [steps, train, valid];
    if (marked.some((number) => number != null)) {
      series.push({ label: "noticed", stroke: colour("warm"), paths: () => null, points: { show: true, size: 13, width: 2, fill: colour("paper"), stroke: colour("warm") }, value: (_u, _number, _series, i) => (i == null ? "\u2013" : named(i)) });
      data.push(marked);
    }
    const skip = Math.ceil(epochs.length * 62 / Math.max(1, width - 60));
    const ends = epochs.filter(({ epoch }) => epoch % skip === 0);
    // Validation is read now and then: beside the cursor stands its nearest reading.
    const dataIdx = (u, s, i) => {
      for (let off = 0; s < 3 && off < steps.length; off++) for (const at of [i - off, i + off]) if (u.data[s][at] != null) return at;
      return i;
    };
    return [{
      width, height: Math.max(220, Math.min(320, width * 0.45)), series, padding: [8, 28, 0, 0], cursor: { y: false, dataIdx },
      scales: { x: { time: false } },
      axes: [axis({ size: 34, grid: { show: false }, incrs: WHOLE }), axis({ size: 56, values: (_, all) => all.map((number) => (name === "accuracy" ? percent(number) : String(+number.toPrecision(6)))) }), { scale: "x", ...lineAxis(ends.map(({ step }) => step), ends.map(({ epoch }) => `epoch ${epoch}`)) }],
    }, data];
  };

  const plots = new Map();
  const draw = (place) => {
    const name = place.dataset.chart;
    const width = Math.floor(place.getBoundingClientRect().width);
    if (!width || !drawn[name]) return;
    const [options, data] = name === "verdict" ? verdictChart(drawn[name], width) : curveChart(name, drawn[name], width);
    plots.get(place)?.destroy();
    plots.set(place, new uPlot(options, data, place));
  };
  const places = [...document.querySelectorAll("[data-chart]")];
  const redraw = () => places.forEach(draw);
  let drawnAt = document.querySelector("main").clientWidth;
  redraw();
  addEventListener("resize", () => {
    const width = document.querySelector("main").clientWidth;
    if (width !== drawnAt) { drawnAt = width; redraw(); }
  });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);

  // Section links scroll by themselves, so that the address keeps the table's filter.
  for (const link of document.querySelectorAll(".top nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.querySelector(link.getAttribute("href"))?.scrollIntoView();
    });
  }

  // ── prompts ──
  const rows = report.evaluation?.rows ?? [];
  const box = document.getElementById("rows");
  if (!rows.length || !box) return;

  // An unanswered prompt counts as wrong, as it does in the statistics.
  const grade = (answer) => (answer == null ? null : answer.passed != null ? Number(answer.passed) : answer.score ?? 0);
  const scored = rows.some(({ base, tuned }) => [base, tuned].some((one) => one && one.passed == null && one.score != null));
  const outcome = ({ base, tuned }) => {
    const before = grade(base), after = grade(tuned);
    if (before == null || after == null) return "incomplete";
    if (after !== before) return after > before ? "fixed" : "broke";
    return after >= 0.5 ? "right" : "wrong";
  };
  const same = ({ base, tuned }) => (base?.text ?? "").trim() === (tuned?.text ?? "").trim();
  const entries = rows.map((row) => ({ row, outcome: outcome(row), differs: !same(row) }));
  const kinds = {
    all: ["All", () => true],
    differ: ["Answers differ", (entry) => entry.differs],
    fixed: [scored ? "Tuned better" : "Tuned fixed", (entry) => entry.outcome === "fixed"],
    broke: [scored ? "Tuned worse" : "Tuned broke", (entry) => entry.outcome === "broke"],
    wrong: [scored ? "Both low" : "Both wrong", (entry) => entry.outcome === "wrong"],
  };
  const words = (entry) => (entry.words ??= [
    entry.row.number, entry.row.prompt, entry.row.reference, entry.row.label,
    ...[entry.row.base, entry.row.tuned, ...Object.values(entry.row.also)].flatMap((answer) => [answer?.text, answer?.error]),
  ].filter((text) => text != null).join("\n").toLowerCase());

  const state = { show: "all", q: "", label: "", page: 1 };
  const parse = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    if (!["show", "q", "label", "page"].some((key) => given.has(key))) return false;
    state.show = Object.hasOwn(kinds, given.get("show") ?? "") ? given.get("show") : "all";
    state.q = given.get("q") ?? "";
    state.label = given.get("label") ?? "";
    state.page = Math.max(1, parseInt(given.get("page") ?? "1", 10) || 1);
    return true;
  };
  const remember = () => {
    const kept = new URLSearchParams();
    if (state.show !== "all") kept.set("show", state.show);
    if (state.q) kept.set("q", state.q);
    if (state.label) kept.set("label", state.label);
    if (state.page > 1) kept.set("page", state.page);
    history.replaceState(null, "", `#${kept.size ? kept : "show=all"}`);
  };

  const marked = (text) => {
    const wanted = state.q.trim().toLowerCase();
    if (!wanted) return [text];
    const parts = [];
    const lower = text.toLowerCase();
    let from = 0;
    // Lower-casing can change a text's length (İ); then positions do not match and nothing is marked.
    for (let at = lower.indexOf(wanted); lower.length === text.length && at >= 0; at = lower.indexOf(wanted, from)) {
      parts.push(text.slice(from, at), make("mark", "", text.slice(at, at + wanted.length)));
      from = at + wanted.length;
    }
    return [...parts, text.slice(from)];
  };
  const words_of = (text) => {
    const whole = visible(text);
    const holder = make("span", "text");
    holder.dir = "auto";
    const start = whole.slice(0, LONG).split("\n").slice(0, LINES).join("\n");
    if (start.length === whole.length) { holder.append(...marked(whole)); return holder; }
    holder.append(...marked(`${start}\u2026`));
    const more = make("button", "more", `all ${count(whole.length)} characters`);
    more.type = "button";
    more.addEventListener("click", () => holder.replaceChildren(...marked(whole)));
    holder.append(" ", more);
    return holder;
  };
  const cell = (name, ...children) => {
    const node = make("td", "", ...children);
    node.dataset.name = name;
    return node;
  };
  const judged = (answer) => {
    const good = answer.passed ?? (answer.score == null ? false : answer.score >= 0.5);
    const mark = answer.text == null ? "\u2717 unanswered" : answer.passed != null ? (answer.passed ? "\u2713 right" : "\u2717 wrong") : answer.score != null ? answer.score.toFixed(2) : "not graded";
    const details = [
      answer.finish_reason && answer.finish_reason !== "stop" && `ended by ${answer.finish_reason}`,
      answer.latency_s != null && seconds(answer.latency_s),
      answer.answer_tokens != null && `${count(answer.answer_tokens)} tokens`,
      answer.note,
    ].filter(Boolean).join(" \u00b7 ");
    return make("span", `grade ${good ? "right" : "wrong"}`, make("span", "mark", mark), details ? ` \u00b7 ${visible(details)}` : "");
  };
  const answered = (answer) => {
    if (answer == null) return [make("span", "quiet", "not asked")];
    const said = answer.text != null ? words_of(answer.text || "(empty)") : make("span", "quiet", visible(answer.error ?? "no answer"));
    return [said, judged(answer)];
  };
  const line = ({ row }) => {
    const reference = [words_of(row.reference)];
    if (row.accept.length) reference.push(make("span", "grade", `also right: ${visible(row.accept.join(", "))}`));
    if (row.label != null && row.label !== row.reference) reference.push(make("span", "grade", visible(row.label)));
    return make("tr", "", cell("Row", String(row.number)), cell("Prompt", words_of(row.prompt)), cell("Reference", ...reference),
      cell("Base", ...answered(row.base)), cell("Tuned", ...answered(row.tuned)),
      ...others.map((role) => cell(visible(role), ...answered(row.also[role]))));
  };

  const body = box.querySelector("tbody");
  const others = [...new Set(rows.flatMap((row) => Object.keys(row.also)))];
  box.querySelector("thead tr").append(...others.map((role) => make("th", "", visible(role))));
  const find = (id) => document.getElementById(id);
  const show = () => {
    const wanted = state.q.trim().toLowerCase();
    const pool = entries.filter((entry) => (!state.label || entry.row.label === state.label) && (!wanted || words(entry).includes(wanted)));
    const hits = pool.filter(kinds[state.show][1]);
    const pages = Math.max(1, Math.ceil(hits.length / PER_PAGE));
    state.page = Math.min(state.page, pages);
    const from = (state.page - 1) * PER_PAGE;
    const page = hits.slice(from, from + PER_PAGE);
    body.replaceChildren(...page.map(line));
    for (const button of segments.children) {
      button.setAttribute("aria-pressed", String(button.dataset.show === state.show));
      button.lastChild.textContent = count(pool.filter(kinds[button.dataset.show][1]).length);
    }
    find("shown").textContent = hits.length ? `Rows ${count(from + 1)} to ${count(from + page.length)} of ${count(hits.length)}${hits.length < entries.length ? `, out of ${count(entries.length)}` : ""}` : "No prompt matches.";
    find("where").textContent = `Page ${state.page} of ${pages}`;
    find("previous").disabled = state.page <= 1;
    find("following").disabled = state.page >= pages;
    if (find("q").value !== state.q) find("q").value = state.q;
    find("label").value = state.label;
    box.querySelector(".pager").hidden = pages < 2;
  };
  const change = (part) => { Object.assign(state, { page: 1 }, part); show(); remember(); };

  const segments = box.querySelector(".segments");
  for (const [key, [name]] of Object.entries(kinds)) {
    const button = make("button", "", name, make("span", "n"));
    button.type = "button";
    button.dataset.show = key;
    button.addEventListener("click", () => change({ show: key }));
    segments.append(button);
  }
  const labels = [...new Set(rows.map((row) => row.label).filter((label) => label != null))].sort();
  const option = (value, name) => { const node = make("option", "", name); node.value = value; return node; };
  find("label").append(option("", "Every label"), ...labels.map((label) => option(label, visible(label))));
  find("label").hidden = labels.length < 2;
  find("label").addEventListener("change", (event) => change({ label: event.target.value }));
  let typing;
  find("q").addEventListener("input", (event) => { clearTimeout(typing); typing = setTimeout(() => change({ q: event.target.value }), 120); });
  const turn = (by) => () => { change({ page: state.page + by }); find("prompts").scrollIntoView(); };
  find("previous").addEventListener("click", turn(-1));
  find("following").addEventListener("click", turn(1));
  for (const link of document.querySelectorAll("a.pick")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      change({ show: "all", q: "", label: link.dataset.label });
      find("prompts").scrollIntoView();
    });
  }
  addEventListener("hashchange", () => { if (parse()) show(); });

  const asked = parse();
  box.hidden = false;
  show();
  if (asked) find("prompts").scrollIntoView();
})();
