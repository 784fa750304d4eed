// Package report writes report.html, the page that shows what one optimization did: pictures of the
// program and its μGraphs, costs against the roofline, the search, and the evidence.
//
//	Data ─┬─ graphs ── boxes and lines ── layers, order, places ──▶ SVG ──┐
//	      ├─ costs, machine ── log-log roofline ────────────────────▶ SVG ──┼─ template ─▶ one file
//	      └─ search, verification ── plain words ──────────────────────────┘   (style inside, no network)
//
// # Rationale
//
// Why is Data numbers and strings, not the search's own types? This package may not import search, and a
// page that takes plain data can be made from a stored record as well as from a fresh result.
//
// Why no script? Everything that folds is a details element; a page without scripts has no console
// errors, prints, and opens in a mail.
//
// Why own layout and not Graphviz or a JavaScript library? The graphs have 3 to 40 boxes, for which 200
// lines are enough, and the file stays self-contained and the same bytes on every machine.
//
// Why does a drawing put whole layers into the loop's frame? Work before, in and after the loop is what
// a reader looks for first; a frame around scattered boxes would hide it.
package report
