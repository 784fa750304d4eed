package main

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// What a run holds: inputs and outputs throughout, an intermediate from its kernel to its last reader.
func TestFootprint(t *testing.T) {
	for _, c := range []struct {
		src  string
		want float64
	}{
		{"program p(X: f32[100]) -> (Y) {\n    Y = exp(X)\n}\n", 800},
		{"program p(X: f32[100]) -> (Y) {\n    A = exp(X)\n    B = tanh(A)\n    C = abs(B)\n    Y = sqrt(C)\n}\n", 800 + 800},
		{"program p(X: f32[100]) -> (Y) {\n    A = exp(X)\n    B = tanh(A)\n    Y = B + A\n}\n", 800 + 800},
		{"program p(X: f32[100]) -> (Y) {\n    A = reshape(X, shape=[10, 10])\n    Y = A * A\n}\n", 800},
		{"program p(X: f32[10, 100]) -> (Y) {\n    Y = sum(X, axis=1)\n}\n", 4040},
	} {
		got, err := footprint(programtest.Parse(t, c.src), nil)
		if err != nil || got != c.want {
			t.Errorf("%v bytes (%v), want %v:\n%s", got, err, c.want, c.src)
		}
	}
	_, err := footprint(programtest.Parse(t, "program p(X: f32[1000000000], Z: f32[1000000000]) -> (Y) {\n    Y = reshape(X, shape=[1000000000, 1]) * Z\n}\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "Y, f32[1000000000 1000000000], takes") && !strings.Contains(err.Error(), "Y: a tensor of") {
		t.Errorf("an output of 4·10¹⁸ bytes: %v", err)
	}
}

func TestMemoryOf(t *testing.T) {
	files := map[string]string{}
	read := func(name string) ([]byte, error) {
		if s, ok := files[name]; ok {
			return []byte(s), nil
		}
		return nil, errors.New("no such file")
	}
	if n := memoryOf(read); !math.IsInf(n, 1) {
		t.Errorf("nothing is known: %v", n)
	}
	files["/proc/meminfo"] = "MemTotal:       16 kB\nMemFree:  3 kB\nSwapTotal:  4 kB\n"
	files["/sys/fs/cgroup/memory.max"] = "max\n"
	if n := memoryOf(read); n != 20<<10 {
		t.Errorf("%v bytes, want 20 KiB", n)
	}
	files["/sys/fs/cgroup/memory.max"] = "4096\n"
	if n := memoryOf(read); n != 4096 {
		t.Errorf("%v bytes, want what the container has", n)
	}
}
