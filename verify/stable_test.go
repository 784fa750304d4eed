package verify

import (
	"encoding/json"
	"maps"
	"math"
	"testing"
)

// A result is JSON whatever its numbers are, and comes back the same.
func TestResultJSON(t *testing.T) {
	want := &Result{
		Witness:   &Witness{"Y", []int{0}, printable(math.Inf(1)), printable(math.NaN())},
		Stability: &Stability{Ratios: Ratios{"f32": math.Inf(1), "f16": 0.25, "bf16": math.Inf(-1)}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !maps.Equal(got.Stability.Ratios, want.Stability.Ratios) || got.Witness.A != "+Inf" || got.Witness.B != "NaN" {
		t.Errorf("%s", text)
	}
	for _, bad := range []string{`{"f32": "much"}`, `{"f32": true}`, `{"f32": "1e999x"}`, `[]`} {
		var r Ratios
		if err := json.Unmarshal([]byte(bad), &r); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
