// The table of prompts and candidates: filters, search, pages, all of it in the address.
const PER_PAGE = matchMedia("(max-width: 44rem)").matches ? 20 : 50;
const LONG = 300;
const LINES = 9;
const data = read("rows-data");

const answer_of = (told) => {
  if (told === 0) return null;
  const [text, passed = null, given = null, latency_s = null, tokens = null, finish = null, note = "", error = null, refused = 0, usd = null, samples = []] = told;
  return { text, passed, score: given ?? passed, latency_s, tokens, finish, note: note ?? "", error, refused, usd, samples };
};
const row_of = ([number, file, prompt, reference, label, group, accept, answers], index) => ({
  index, number, file: data.files[file] ?? "", prompt, reference, label: data.labels[label] ?? null, group: data.groups[group] ?? null,
  accept: accept || [], answers: answers.map(answer_of),
});
const rows = (data?.rows ?? []).map(row_of);

// An unanswered prompt counts as wrong, as it does in the statistics.
const points = (answer) => answer.passed ?? answer.score ?? 0;
const missing = (answer) => answer == null || answer.text == null || answer.refused;
const outcome = (before, after) => {
  if (before == null || after == null) return "incomplete";
  const first = points(before), second = points(after);
  if (first !== second) return second > first ? "won" : "lost";
  return second >= 0.5 ? "right" : "wrong";
};
const words = (row) => (row.words ??= [
  row.number, row.prompt, row.reference, row.label, row.group, ...row.answers.flatMap((one) => [one?.text, one?.error, one?.note]),
].filter((text) => text != null).join("\n").toLowerCase());

const state = { show: "all", q: "", label: "", group: "", a: 0, b: Math.min(1, (data?.candidates.length ?? 1) - 1), page: 1, open: 0 };
const pair = (row) => [row.answers[state.a], row.answers[state.b]];
const said = (answer) => (answer?.text ?? "").trim();
const OUTCOMES = { won: "won", lost: "lost", right: data?.binary ? "both right" : "both high", wrong: data?.binary ? "both wrong" : "both low", incomplete: "not asked" };
const kinds = {
  all: ["All", () => true],
  different: ["Different", (row) => said(row.answers[state.a]) !== said(row.answers[state.b])],
  lost: ["Lost", (row) => outcome(...pair(row)) === "lost"],
  won: ["Won", (row) => outcome(...pair(row)) === "won"],
  right: [data?.binary ? "Both right" : "Both high", (row) => outcome(...pair(row)) === "right"],
  wrong: [data?.binary ? "Both wrong" : "Both low", (row) => outcome(...pair(row)) === "wrong"],
  missing: ["Missing", (row) => row.answers.some(missing)],
};
const role = (index) => visible(data.candidates[index][0]);
const named = (index) => { const [name, model] = data.candidates[index]; return visible(model ? `${name}: ${model}` : name); };

// ── the address ──
const whole = (text, most) => Math.min(most, Math.max(0, parseInt(text ?? "", 10) || 0));
const candidate = (text, otherwise) => { const at = data.candidates.findIndex(([name]) => name === text); return at < 0 ? otherwise : at; };
const KEYS = ["show", "q", "label", "group", "a", "b", "page", "open"];
const parse = () => {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!KEYS.some((key) => given.has(key))) return false;
  state.show = Object.hasOwn(kinds, given.get("show") ?? "") ? given.get("show") : "all";
  for (const key of ["q", "label", "group"]) state[key] = given.get(key) ?? "";
  state.a = candidate(given.get("a"), 0);
  state.b = candidate(given.get("b"), Math.min(1, data.candidates.length - 1));
  state.page = whole(given.get("page"), 1e9) || 1;
  state.open = whole(given.get("open"), rows.length);
  return true;
};
const remember = () => {
  const kept = new URLSearchParams();
  if (state.show !== "all") kept.set("show", state.show);
  for (const key of ["q", "label", "group"]) if (state[key]) kept.set(key, state[key]);
  if (state.a !== 0) kept.set("a", data.candidates[state.a][0]);
  if (state.b !== Math.min(1, data.candidates.length - 1)) kept.set("b", data.candidates[state.b][0]);
  if (state.page > 1) kept.set("page", state.page);
  if (state.open) kept.set("open", state.open);
  history.replaceState(null, "", `#${kept.size ? kept : "show=all"}`);
};

// ── cells ──
const marked = (text) => {
  const wanted = state.q.trim().toLowerCase();
  const parts = [];
  const lower = wanted ? text.toLowerCase() : "";
  let from = 0;
  // Lower-casing can change a text's length (İ); then positions do not match and nothing is marked.
  for (let at = wanted ? lower.indexOf(wanted) : -1; lower.length === text.length && at >= 0; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), make("mark", "", text.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  return [...parts, text.slice(from)];
};
const text_of = (text) => {
  const holder = make("span", "text");
  holder.dir = "auto";
  const cut = text.slice(0, LONG).split("\n").slice(0, LINES).join("\n");
  if (cut.length === text.length) { holder.append(...marked(visible(text))); return holder; }
  holder.append(...marked(`${visible(cut)}\u2026`));
  const more = make("button", "more", `all ${count(text.length)} characters`);
  more.type = "button";
  more.addEventListener("click", () => holder.replaceChildren(...marked(visible(text))));
  holder.append(" ", more);
  return holder;
};
const cell = (name, ...children) => {
  const node = make("td", "", ...children);
  node.dataset.name = name;
  return node;
};
const grade = (answer) => {
  const good = points(answer) >= 0.5 && !missing(answer);
  const mark = answer.text == null ? "\u2717 unanswered" : answer.refused ? "\u2717 refused" : answer.passed != null ? (answer.passed ? "\u2713 right" : "\u2717 wrong") : answer.score != null ? answer.score.toFixed(2) : "not graded";
  const details = [
    answer.finish && `ended by ${answer.finish}`, answer.latency_s != null && seconds(answer.latency_s),
    answer.tokens != null && `${count(answer.tokens)} tokens`, answer.note,
  ].filter(Boolean).join(" \u00b7 ");
  return make("span", `grade ${good ? "right" : "wrong"}`, make("span", "mark", mark), details ? ` \u00b7 ${visible(details)}` : "");
};
const answered = (answer) => {
  if (answer == null) return [make("span", "quiet", "not asked")];
  return [answer.text == null ? make("span", "quiet text", visible(answer.error ?? "no answer")) : text_of(answer.text || "(empty)"), grade(answer)];
};
const line = (row) => {
  const reference = [text_of(row.reference)];
  if (row.accept.length) reference.push(make("span", "grade", `also right: ${visible(row.accept.join(", "))}`));
  for (const slice of [row.label !== row.reference && row.label, row.group]) if (slice) reference.push(make("span", "grade", visible(slice)));
  const open = make("button", "open", String(row.number));
  open.type = "button";
  open.title = "Compare two answers side by side";
  open.setAttribute("aria-label", `Row ${row.number}: compare two answers side by side`);
  open.addEventListener("click", () => beside.show(row.index));
  const node = make("tr", "", cell("", open), cell("Prompt", text_of(row.prompt)), cell("Reference", ...reference),
    ...row.answers.map((one, i) => cell(role(i), ...answered(one))));
  node.dataset.outcome = outcome(...pair(row));
  return node;
};

// ── the table ──
let hits = [];
const show = () => {
  const wanted = state.q.trim().toLowerCase();
  const pool = rows.filter((row) => (!state.label || row.label === state.label) && (!state.group || row.group === state.group) && (!wanted || words(row).includes(wanted)));
  hits = pool.filter(kinds[state.show][1]);
  const pages = Math.max(1, Math.ceil(hits.length / PER_PAGE));
  state.page = Math.min(state.page, pages);
  const from = (state.page - 1) * PER_PAGE;
  const page = hits.slice(from, from + PER_PAGE);
  box.querySelector("tbody").replaceChildren(...page.map(line));
  for (const button of segments.children) {
    button.setAttribute("aria-pressed", String(button.dataset.show === state.show));
    button.lastChild.textContent = count(pool.filter(kinds[button.dataset.show][1]).length);
  }
  find("shown").textContent = hits.length ? `Rows ${count(from + 1)} to ${count(from + page.length)} of ${count(hits.length)}${hits.length < rows.length ? `, out of ${count(rows.length)}` : ""}` : "No prompt matches.";
  find("where").textContent = `Page ${count(state.page)} of ${count(pages)}`;
  find("previous").disabled = state.page <= 1;
  find("following").disabled = state.page >= pages;
  if (find("q").value !== state.q) find("q").value = state.q;
  for (const key of ["label", "group", "a", "b"]) find(key).value = state[key];
  box.querySelector(".pager").hidden = pages < 2;
};
const change = (part) => { Object.assign(state, { page: 1 }, part); show(); remember(); };

const box = find("rows");
const segments = box?.querySelector(".segments");
const fill = (id, names, every) => {
  const known = [...names].sort();
  find(id).append(option("", every), ...known.map((name) => option(name, visible(name).slice(0, 80))));
  find(id).hidden = known.length < 2;
  find(id).addEventListener("change", (event) => change({ [id]: event.target.value }));
};
const set_up = () => {
  for (const [key, [name]] of Object.entries(kinds)) {
    const button = make("button", "", name, make("span", "n"));
    button.type = "button";
    button.dataset.show = key;
    button.addEventListener("click", () => change({ show: key }));
    segments.append(button);
  }
  box.querySelector("thead tr").append(...data.candidates.map(([, model], i) => {
    const head = make("th", "", role(i), make("span", "source", visible(model)));
    head.scope = "col";
    return head;
  }));
  box.querySelector("table").classList.toggle("many", data.candidates.length > 3);
  fill("label", data.labels, "Every label");
  fill("group", data.groups, "Every group");
  for (const side of ["a", "b"]) {
    find(side).append(...data.candidates.map((_, i) => option(i, role(i))));
    find(side).addEventListener("change", (event) => change({ [side]: Number(event.target.value) }));
  }
  box.querySelector(".versus").hidden = data.candidates.length < 3;
  let typing;
  find("q").addEventListener("input", (event) => { clearTimeout(typing); typing = setTimeout(() => change({ q: event.target.value }), 120); });
  const turn = (by) => () => { change({ page: state.page + by }); find("prompts").scrollIntoView(); };
  find("previous").addEventListener("click", turn(-1));
  find("following").addEventListener("click", turn(1));
  find("csv").addEventListener("click", () => save(csv_of(data, hits), `${data.run.replace(/[^A-Za-z0-9_-]/g, "_")}-rows.csv`));
  for (const link of document.querySelectorAll("a.pick")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      change({ show: "all", q: "", label: link.dataset.label ?? "", group: link.dataset.group ?? "" });
      find("prompts").scrollIntoView();
    });
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    event.preventDefault();
    find("q").focus();
    find("q").select();
  });
  addEventListener("hashchange", () => { if (parse()) { show(); beside.follow(); find("prompts").scrollIntoView(); } });
};
