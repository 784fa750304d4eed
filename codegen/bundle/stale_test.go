package bundle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The next Write removes what a killed process left, and nothing of a living one, of another place, or of
// somebody else.
func TestRemoveStale(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "x.morgana")
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dead, self := cmd.Process.Pid, os.Getpid()
	old := time.Now().Add(-2 * abandoned)
	for _, c := range []struct {
		name string
		old  bool
		gone bool
	}{
		{fmt.Sprintf(".x.morgana.new-%s-%d-1", hostID(), dead), false, true},
		{fmt.Sprintf(".x.morgana.new-%s-%d-1", hostID(), self), false, false},
		{fmt.Sprintf(".x.morgana.new-%s-%d-1", "00000000", dead), false, false},
		{fmt.Sprintf(".x.morgana.new-%s-%d-1", "00000000", dead+1), true, true},
		{fmt.Sprintf(".y.morgana.new-%s-%d-1", hostID(), dead), true, false},
		{".x.morgana.new-123", false, false},
		{"x.morgana.new-123", true, false},
	} {
		at := filepath.Join(parent, c.name)
		if err := os.MkdirAll(filepath.Join(at, "kernels"), 0o755); err != nil {
			t.Fatal(err)
		}
		if c.old {
			if err := os.Chtimes(at, old, old); err != nil {
				t.Fatal(err)
			}
		}
		if err := Write(dir, sample(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(at); os.IsNotExist(err) != c.gone {
			t.Errorf("%s: gone is %v, want %v", c.name, os.IsNotExist(err), c.gone)
		}
	}
}
