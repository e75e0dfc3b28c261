// What the page's scripts share, its sections and its curves. Text reaches the page through text nodes alone.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const find = (id) => document.getElementById(id);
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\u{d800}-\u{dfff}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
const sign = (character) => `\u27e8U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
const visible = (text) => text.replaceAll("\r\n", "\n").replace(unseen, sign);
const make = (tag, className, ...children) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
};
const option = (value, name) => { const node = make("option", "", name); node.value = value; return node; };
const count = (number) => number.toLocaleString("en-US");
const seconds = (s) => (s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(2)} s`);

// ── sections ──
// Links scroll by themselves, so that the address keeps the table's filter.
for (const link of document.querySelectorAll(".top nav a, a.skip")) {
  link.addEventListener("click", (event) => {
    const section = document.querySelector(link.getAttribute("href"));
    if (!section) return;
    event.preventDefault();
    section.scrollIntoView();
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
  });
}
// On paper nothing can be folded out.
let folded = [];
addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details:not([open])")]; for (const one of folded) one.open = true; });
addEventListener("afterprint", () => { for (const one of folded) one.open = false; });

// ── curves: the figures under the pointer ──
const curves = read("curve-data");
const nearest = (numbers, i) => {
  for (let off = 0; off < numbers.length; off++) for (const at of [i - off, i + off]) if (numbers[at] != null) return numbers[at];
  return null;
};
for (const field of document.querySelectorAll("svg[data-curve]")) {
  const { at, step, train, valid } = curves[field.dataset.curve];
  const cursor = field.querySelector(".cursor");
  const readout = document.querySelector(`[data-readout="${field.dataset.curve}"]`);
  const figure = (number) => (number == null ? "\u2013" : field.dataset.curve === "accuracy" ? `${(number * 100).toFixed(1)}%` : String(+number.toPrecision(4)));
  field.addEventListener("pointermove", (event) => {
    const box = field.getBoundingClientRect();
    const x = 100 * (event.clientX - box.left) / box.width;
    let i = 0;
    while (i + 1 < at.length && Math.abs(at[i + 1] - x) <= Math.abs(at[i] - x)) i++;
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, `${at[i]}%`);
    cursor.setAttribute("visibility", "visible");
    readout.textContent = `step ${count(step[i])}: training ${figure(nearest(train, i))}, validation ${figure(nearest(valid, i))}`;
  });
  field.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); readout.textContent = ""; });
}
