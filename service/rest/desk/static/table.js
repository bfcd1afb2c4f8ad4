// A table as a file, safe to open in a spreadsheet.

/** A cell of CSV: what begins like a formula and is no number gets a quote before it, as in every table of aisle. */
function cell(value) {
  let text = String(value ?? "");
  if (/^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^[+-]?\d+([.,]\d+)*%?$/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Let the browser save rows as a CSV file. */
export function exported(name, head, rows) {
  const text = [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text, "\r\n"], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
