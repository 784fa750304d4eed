// Package gopkg writes the Go package that makes a bundle a typed function.
//
//	Bundle ── names: exported, unique ──▶ jennifer ──▶ kernel.go, beside the bundle's own files
//
//	kernel, err := rmsnorm.New(0, rmsnorm.Weights{W: w})   // verifies before the first run
//	err = kernel.Run(ctx, rmsnorm.Inputs{X: x}, &out)      // shapes checked, no copies
//
// # Rationale
//
// Why does the generated package verify? A module can be copied to a machine whose store has never seen
// the bundle. The kernel store remembers the content hash, so it happens once for each machine.
//
// Why is the file's name always kernel.go? One derived from the package's name could end in _test.go or
// _windows.go, which mean something to the Go command.
//
// Why are weights with symbolic shapes among the inputs? New cannot know their sizes.
package gopkg
