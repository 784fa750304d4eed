package memory

import "golang.org/x/sys/unix"

const canMap = true

// mapRegion maps size bytes of zeroed memory.
func mapRegion(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// adviseHuge asks for huge pages. A kernel that has none refuses, and the memory works without.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }

// unmapRegion gives back what mapRegion returned.
func unmapRegion(region []byte) {
	if err := unix.Munmap(region); err != nil {
		panic("memory: unmapping a region that mapRegion gave: " + err.Error())
	}
}
