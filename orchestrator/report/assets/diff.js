// Which words differ between two texts: the longest common subsequence of words, or of lines where there are too many.
const MOST_CELLS = 4_000_000;
const words_in = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
const lines_in = (text) => text.match(/[^\n]*\n|[^\n]+/g) ?? [];

// For each piece of both lists, whether it is in the common subsequence.
const common = (a, b) => {
  const inA = new Uint8Array(a.length), inB = new Uint8Array(b.length);
  let start = 0, endA = a.length, endB = b.length;
  while (start < endA && start < endB && a[start] === b[start]) { inA[start] = inB[start] = 1; start++; }
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) { endA--; endB--; inA[endA] = inB[endB] = 1; }
  const n = endA - start, m = endB - start;
  if ((n + 1) * (m + 1) > MOST_CELLS) return null;
  const wide = m + 1, length = new Uint16Array((n + 1) * wide);
  for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--) {
    length[i * wide + j] = a[start + i] === b[start + j]
      ? length[(i + 1) * wide + j + 1] + 1
      : Math.max(length[(i + 1) * wide + j], length[i * wide + j + 1]);
  }
  for (let i = 0, j = 0; i < n && j < m;) {
    if (a[start + i] === b[start + j]) { inA[start + i] = inB[start + j] = 1; i++; j++; }
    else if (length[(i + 1) * wide + j] >= length[i * wide + j + 1]) i++;
    else j++;
  }
  return [inA, inB];
};
// Runs of [differs, text]. White space between two differing words belongs to the difference.
const runs = (pieces, kept) => {
  const out = [];
  for (let i = 0; i < pieces.length; i++) {
    const between = kept[i] && !pieces[i].trim() && i > 0 && !kept[i - 1] && i + 1 < pieces.length && !kept[i + 1];
    const differs = !kept[i] || between;
    if (out.length && out.at(-1)[0] === differs) out.at(-1)[1] += pieces[i];
    else out.push([differs, pieces[i]]);
  }
  return out;
};
// {left, right}: runs of both texts; how: "words", "lines", or "whole" where even the lines are too many.
const differences = (left, right) => {
  for (const [how, split] of [["words", words_in], ["lines", lines_in]]) {
    const a = split(left), b = split(right);
    const found = common(a, b);
    if (found) return { how, left: runs(a, found[0]), right: runs(b, found[1]) };
  }
  return { how: "whole", left: [[true, left]], right: [[true, right]] };
};
