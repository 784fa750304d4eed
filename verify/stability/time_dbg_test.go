package stability

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func TestTimeDbg(t *testing.T) {
	for _, info := range programs.List() {
		src, err := programs.Source(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		gs, err := text.Parse(info.Name, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		p := gs[0]
		var c *ugraph.Graph = p
		if b, err := os.ReadFile("/tmp/w/tm/" + info.Name + ".ug"); err == nil {
			cs, err := text.Parse("c", b)
			if err != nil {
				t.Fatal(err)
			}
			c = cs[0]
		}
		t0 := time.Now()
		j, err := New(p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t1 := time.Now()
		s, err := j.Check(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		t2 := time.Now()
		j.Check(context.Background(), c)
		t3 := time.Now()
		fmt.Println(info.Name, t1.Sub(t0), t2.Sub(t1), t3.Sub(t2), s, j.noSmall)
		if j.small != nil {
			fmt.Println("   work", j.small.work()/1e6, "draws", j.small.draws)
			for _, in := range j.small.graph.Inputs {
				fmt.Print("  ", j.small.graph.Values[in.Value].Type)
			}
			fmt.Println()
		}
	}
}
