package kernel

// archTables are the levels in assembly that this processor has.
func archTables() []*table { return nil }
