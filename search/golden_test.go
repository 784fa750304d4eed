package search

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/ugraph/text"
)

var update = flag.Bool("update", false, "rewrite testdata/golden with what the search finds")

// short are the programs that -short looks at.
var short = map[string]bool{"rmsnorm_linear": true, "softmax_wide": true, "lora": true}

// TestGolden compares the μGraph found for each embedded program with the one on record, so that a diff
// shows every change of the search's choice.
func TestGolden(t *testing.T) {
	for _, info := range programs.List() {
		t.Run(info.Name, func(t *testing.T) {
			if testing.Short() && !short[info.Name] {
				t.Skip("-short")
			}
			got := text.Print(best(t, info.Name).Best.Graph)
			checkFile(t, filepath.Join("testdata", "golden", info.Name+".ug"), got)
		})
	}
}

// checkFile compares text with a file, or writes the file under -update.
func checkFile(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s changed (go test -run %s -update rewrites it); now:\n%s", path, t.Name(), got)
	}
}
