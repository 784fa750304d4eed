package spell

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"softmax", "sofmax", 1}, {"f61", "f16", 1}, {"foo", "bar", 3}, {"kitten", "sitting", 3},
		{"größe", "grosse", 3}, {"ab", "ba", 1}, {"abc", "cab", 2},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := Distance(c.b, c.a); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"exp", "sin", "softmax", "layer_norm", "ab", "n", "x1", "threads"}
	for word, want := range map[string]string{
		"exq": "exp", "sim": "sin", "sofmax": "softmax", "tread": "threads", "layernorm": "layer_norm", "LAYER_NORM": "layer_norm", "N": "n", "x2": "x1", "ba": "ab",
		"exp": "", "foo": "", "bar": "", "read": "", "q": "", "sm": "", "a": "", "": "", "norm": "", "layer": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if got := Nearest("ax", []string{"ay", "az", "AX"}); got != "AX" {
		t.Errorf("the case alone is nearest: %q", got)
	}
}

// Very long words are not compared: the time would be the product of their lengths.
func TestLongWords(t *testing.T) {
	long := strings.Repeat("a", 1<<24)
	if got := Nearest(long, []string{long[1:], "a"}); got != "" {
		t.Errorf("%.20s…", got)
	}
}
