/** Tables that are Markdown and read well as they are. @module */

/** The first row is the head; the first column is left-aligned, the others are figures. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? "").length))
  );
  const format = (cells: readonly string[]): string =>
    `| ${
      cells.map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      }).join(" | ")
    } |`;
  const rule = `|${
    widths.map((width, column) =>
      column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`
    ).join("|")
  }|`;
  return [format(head), rule, ...body.map(format)].join("\n");
}
