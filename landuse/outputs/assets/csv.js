// Cells of CSV that no spreadsheet takes for formulas; the rule is put in by landuse/outputs/tables.py.
const CSV_FORMULA = /$FORMULA/;

function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && CSV_FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvTable(rows) {
  return rows.map((row) => row.map(csvCell).join(",")).join("\n") + "\n";
}

// The text that a cell was made of.
function csvText(cell) {
  return cell.startsWith("'") && CSV_FORMULA.test(cell) ? cell.slice(1) : cell;
}
