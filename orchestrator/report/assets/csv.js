// The rows shown as CSV, with no cell that a spreadsheet would take for a formula; `rows_csv.py` makes the same file.
const FORMULA = /^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/;
const csv_text = (text) => { const shown = visible(text); return FORMULA.test(shown) ? `'${shown}` : shown; };
const csv_number = (number) => (number == null ? "" : String(+number.toPrecision(6)));
const csv_field = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const csv_of = (data, rows) => {
  const each = ["answer", "right", "score", "seconds", "usd", "problem"];
  const header = ["row", "file", "label", "group", "prompt", "reference", "also right", "outcome",
    ...data.candidates.flatMap(([role]) => each.map((name) => csv_text(`${role} ${name}`)))];
  const line = (row) => [
    String(row.number), csv_text(row.file), csv_text(row.label ?? ""), csv_text(row.group ?? ""), csv_text(row.prompt), csv_text(row.reference),
    csv_text(row.accept.join(" | ")), outcome(row.answers[0], row.answers[1]),
    ...row.answers.flatMap((one) => (one == null ? each.map(() => "") : [
      csv_text(one.text ?? ""), one.passed == null ? "" : String(one.passed), csv_number(one.score), csv_number(one.latency_s), one.usd ?? "",
      csv_text(one.error ?? (one.refused ? "refused" : "")),
    ])),
  ];
  return `\ufeff${[header, ...rows.map(line)].map((fields) => fields.map(csv_field).join(",")).join("\r\n")}\r\n`;
};
const save = (text, name) => {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
