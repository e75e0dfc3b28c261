// Two answers to one prompt side by side, with the words that differ marked; and the page's start.
const beside = (() => {
  const dialog = find("beside");
  if (!dialog) return null;
  const REFERENCE = "reference";
  const text_on = (row, side) => (side === REFERENCE ? row.reference : row.answers[side]?.text);
  const side_of = (id) => (find(id).value === REFERENCE ? REFERENCE : Number(find(id).value));
  const meta = (row, side) => {
    if (side === REFERENCE) return row.accept.length ? [make("span", "grade", `also right: ${visible(row.accept.join(", "))}`)] : [];
    const answer = row.answers[side];
    if (answer == null) return [make("span", "grade", "not asked")];
    const more = answer.samples.map((text, i) => make("span", "grade text", `asked again (${i + 2}): ${visible(text)}`));
    return [grade(answer), ...(answer.error ? [make("span", "grade text", visible(answer.error))] : []), ...more];
  };
  const put = (id, parts, tag) => {
    find(id).dir = "auto";
    find(id).replaceChildren(...parts.map(([differs, text]) => (differs && tag ? make(tag, "", text) : text)));
  };
  const compare = () => {
    const row = rows[state.open - 1];
    const [left, right] = ["left", "right"].map(side_of);
    const texts = [left, right].map((side) => text_on(row, side));
    const shown = texts.map((text) => visible(text ?? ""));
    const found = differences(...shown);
    const both = texts.every((text) => text != null);
    put("left-said", both ? found.left : [[false, shown[0] || "no answer"]], "del");
    put("right-said", both ? found.right : [[false, shown[1] || "no answer"]], "ins");
    find("left-meta").replaceChildren(...meta(row, left));
    find("right-meta").replaceChildren(...meta(row, right));
    find("beside-note").textContent = !both ? "" : texts[0] === texts[1] ? "Both are the very same."
      : shown[0] === shown[1] ? "They differ only in line ends."
      : { words: "Marked: the words that stand on that side alone.", lines: "Long answers: compared line by line.", whole: "Too long to compare." }[found.how];
  };
  const fill_in = () => {
    const row = rows[state.open - 1];
    find("beside-title").textContent = visible(`Row ${row.number}${row.file ? ` of ${row.file}` : ""}`);
    const became = outcome(...pair(row));
    find("beside-outcome").textContent = OUTCOMES[became] + (became === "won" || became === "lost" ? `: ${role(state.b)} against ${role(state.a)}` : "");
    put("beside-prompt", [[false, visible(row.prompt)]]);
    put("beside-reference", [[false, visible(row.reference)]]);
    compare();
    const at = hits.indexOf(row);
    find("before").disabled = at <= 0;
    find("after").disabled = at < 0 || at >= hits.length - 1;
  };
  const step = (by) => {
    const next = hits[hits.indexOf(rows[state.open - 1]) + by];
    if (!next) return;
    state.open = next.index + 1;
    fill_in();
    dialog.querySelector(".body").scrollTop = 0;
    remember();
  };
  const open = (index) => {
    state.open = index + 1;
    find("left").value = String(state.a);
    find("right").value = String(state.b);
    fill_in();
    if (!dialog.open) dialog.showModal();
    remember();
  };
  for (const id of ["left", "right"]) {
    find(id).append(...(data?.candidates ?? []).map((_, i) => option(i, named(i))), option(REFERENCE, "the reference"));
    find(id).addEventListener("change", compare);
  }
  find("before").addEventListener("click", () => step(-1));
  find("after").addEventListener("click", () => step(1));
  find("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    const at = hits.indexOf(rows[state.open - 1]);
    state.open = 0;
    if (at >= 0) state.page = Math.floor(at / PER_PAGE) + 1;
    show();
    remember();
    box.querySelectorAll("tbody .open")[at % PER_PAGE]?.focus();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest("select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); step(by); }
  });
  return { show: open, follow: () => { if (state.open) open(state.open - 1); else if (dialog.open) dialog.close(); } };
})();

if (rows.length && box) {
  set_up();
  const asked = parse();
  box.hidden = false;
  show();
  if (asked) find("prompts").scrollIntoView();
  beside.follow();
}
document.documentElement.dataset.ready = String(Math.round(performance.now()));
