/**
 * Tables in the look of the reference: UTF-8 lines, one under the header, none between rows.
 *
 * @module
 */

import CliTable from "cli-table3";
import { printable, type Table } from "./format.ts";

const LINES = {
  "top": "─",
  "top-mid": "┬",
  "top-left": "┌",
  "top-right": "┐",
  "bottom": "─",
  "bottom-mid": "┴",
  "bottom-left": "└",
  "bottom-right": "┘",
  "left": "│",
  "left-mid": "╞",
  "mid": "═",
  "mid-mid": "╪",
  "right": "│",
  "right-mid": "╡",
  "middle": "┆",
};
const CELL_PADDING = 2;
const MIN_COLUMN = 8;

/** Draws a table, wrapped to `columns` when that is given. Ends with a line feed. */
export function renderTable(table: Table, columns: number | undefined): string {
  const cells = [table.head, ...table.rows].map((row) => row.map(printable));
  const widths = fitColumns(cells, columns);
  const drawn = new CliTable({
    head: cells[0] ?? [],
    chars: LINES,
    // `compact` keeps the line under the header and drops the others.
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    wrapOnWordBoundary: false,
    ...(widths === undefined ? {} : { colWidths: widths }),
  });
  drawn.push(...cells.slice(1));
  return `${drawn.toString()}\n`;
}

// Takes the width that is missing from the widest columns, one character at a time.
function fitColumns(
  cells: readonly (readonly string[])[],
  columns: number | undefined,
): number[] | undefined {
  const count = cells[0]?.length ?? 0;
  if (columns === undefined || count === 0) return undefined;
  const widths = Array.from(
    { length: count },
    (_, column) => CELL_PADDING + Math.max(...cells.map((row) => [...row[column] ?? ""].length)),
  );
  const budget = Math.max(columns - count - 1, count * MIN_COLUMN);
  let excess = widths.reduce((sum, width) => sum + width, 0) - budget;
  if (excess <= 0) return undefined;
  for (; excess > 0; excess--) {
    const widest = widths.indexOf(Math.max(...widths));
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
