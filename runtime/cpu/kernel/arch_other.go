//go:build !amd64

package kernel

// archTables is empty where there is no assembly.
func archTables() []*table { return nil }
