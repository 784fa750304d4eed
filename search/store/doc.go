// Package store keeps what a search has found, so that the same program is not searched twice on
// one machine, and remembers which bundles were verified here.
//
//	Key{Program, Target, Options, Version} ── text ── SHA-256 ──▶ index file ──▶ data file
//	                                                                              │
//	Get: payload ◀── size, SHA-256 of payload, key echo, format version checked ◀─┘
//
// Entries are files of github.com/rogpeppe/go-internal/cache (the Go command's build cache) under
// $MORGANA_CACHE or morgana in the user's cache folder. A data file is named after its content and
// counts only when complete; several processes may read and write one store at the same time.
//
// # Rationale
//
// Entries carry a header of our own although the cache hashes its files. The cache's hash says that
// the bytes are those that some index file names; the header says what they are: the format, the
// whole key (so that an index file that was copied, or edited, cannot pass one program's kernel
// off as another's) and the payload's hash. A kernel that is loaded from here is run, so the check
// belongs to this package and not to its callers.
//
// Nothing here is an error that stops a search: an entry that is missing, damaged, foreign or of
// another format is a miss, and a *DamagedError says which file it was; a store that cannot be
// opened or written is reported once by its caller, which goes on without. All methods of a nil
// *Store are misses or do nothing, so that "go on without" needs no second path.
//
// The cache writes in place instead of renaming: a data file's bytes are determined by its name, so
// that two writers write the same bytes, and a reader takes a file only if its hash is right. An
// index file that another process is writing may be seen half-written for some microseconds; Get
// looks again before it calls that damage.
//
// Trimming is the cache's: what was not used for five days goes, at most once a day. Losing an
// entry costs one search, or one verification of a bundle.
package store
