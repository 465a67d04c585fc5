// Cells of CSV that no spreadsheet takes for formulas (OWASP, CSV injection); landuse/outputs/spreadsheet.py has the same rule.
const CSV_FORMULA = /^'*[=+\-@\t\r\n]/;

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
