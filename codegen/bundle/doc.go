// Package bundle reads and writes what morgana optimize leaves behind: a folder with a program, its
// μGraphs by target, and the evidence that they are the same program.
//
//	Bundle ─ encode ─▶ files + manifest ─ decode again ─▶ temporary folder ─ swap ─▶ DIR     (Write)
//	DIR, embed.FS ─ read ─▶ files ─ sizes, paths, hashes ─ parse, validate ─▶ Bundle         (Load, Open)
//	Bundle ─ a verifier, or this machine's memory of the content hash ─▶ Runnable
//
// The folder:
//
//	manifest.json            format version; every file's SHA-256 and size but timing.json's and its own
//	program.ug               the program, in canonical form
//	ugraph.ug                the first target's μGraph
//	kernels/TARGET/ugraph.ug   a target's μGraph, as the search chose it
//	kernels/TARGET/lowered.ug  what the target runs, where that differs
//	kernels/TARGET/…           source, headers and binaries of targets that have them
//	verification.json search.json timing.json report.html
//	*.go                     with --go: the folder is then a Go package that embeds the bundle
//
// # Rationale
//
// Why does the manifest leave out timing.json? Everything else is the same bytes for the same program,
// target and options; times are not. Nothing in timing.json decides what is run.
//
// Why are the Go files in the bundle's own folder? go:embed does not look upwards, so a package in a
// subfolder would need a second copy of the bundle.
//
// Why is the content hash not the hash of the manifest? It answers "was this μGraph verified against
// this program", so it covers just those, as canonical text. A report written anew or a later format
// version does not void a verification, and a field changed after loading does.
//
// Why does Write decode what it encoded? A bundle that cannot be loaded would be found by its user;
// this finds it before the old bundle is replaced.
//
// Why may two names be taken away (Open looks for .DIR.previous)? Only Linux exchanges two folders in
// one step. Elsewhere an interruption between two renames leaves the old bundle under that name, where
// Open still finds it and the next Write puts it back.
package bundle
