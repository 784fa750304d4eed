package stability

import (
	"context"
	"testing"
)

// BenchmarkCandidate is what one candidate costs a search, the program's side being known.
func BenchmarkCandidate(b *testing.B) {
	for _, i := range []int{5, 12, 13} { // flash attention, Chan, the scale after XW
		b.Run(table[i].name, func(b *testing.B) {
			j, err := New(parse(b, table[i].program, "f32"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			c := parse(b, table[i].candidate, "f32")
			if _, err := j.Check(context.Background(), c); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if s, err := j.Check(context.Background(), c); err != nil || !s.OK {
					b.Fatal(s, err)
				}
			}
		})
	}
}

// BenchmarkFirst is what the first candidate of a program costs a search: the program's side too.
func BenchmarkFirst(b *testing.B) {
	for _, i := range []int{0, 5, 12, 13} {
		b.Run(table[i].name, func(b *testing.B) {
			p, c := parse(b, table[i].program, "f32"), parse(b, table[i].candidate, "f32")
			if i == 0 {
				c = p
			}
			for b.Loop() {
				if s, err := Check(context.Background(), p, c, Options{}); err != nil || !s.OK {
					b.Fatal(s, err)
				}
			}
		})
	}
}
