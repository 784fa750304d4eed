//go:build !linux

package bundle

import "errors"

// exchange has no counterpart that every system offers; see the package's rationale.
func exchange(a, b string) error { return errors.ErrUnsupported }
