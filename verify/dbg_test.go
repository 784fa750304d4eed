package verify

import (
	"bytes"
	"fmt"
	"github.com/morgana-ml/morgana/ugraph/mirage"
	"github.com/morgana-ml/morgana/ugraph/text"
	"os"
	"testing"
)

func TestDbg(t *testing.T) {
	for _, n := range []string{"gqa_bs1", "qknorm_gqa_bs1"} {
		f, _ := os.ReadFile("/work/shared/corpus/mirage/" + n + ".json")
		gs, err := mirage.Import(bytes.NewReader(f))
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range gs {
			if i < 4 {
				fmt.Println(i, text.Print(g))
			}
		}
	}
}
