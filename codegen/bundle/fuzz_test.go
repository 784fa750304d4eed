package bundle

import (
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// FuzzLoad: whatever a folder holds, Load gives an error or a bundle that can be written again.
func FuzzLoad(f *testing.F) {
	for i, change := range []func(m fstest.MapFS){
		func(m fstest.MapFS) {},
		func(m fstest.MapFS) { delete(m, programPath) },
		manifestEdit(`"format": 1`, `"format": 2`),
		manifestEdit(`"lowered": true`, `"lowered": false`),
		manifestEdit(`"kernels/cpu_avx2"`, `"kernels/.."`),
	} {
		m := mapFS(f, sample(f))
		change(m)
		a := &txtar.Archive{}
		files := map[string][]byte{}
		for p, file := range m {
			files[p] = file.Data
		}
		for _, p := range sortedPaths(files) {
			a.Files = append(a.Files, txtar.File{Name: p, Data: files[p]})
		}
		seed := txtar.Format(a)
		f.Add(seed)
		if _, err := Load(unpack(seed)); (err == nil) != (i == 0) {
			f.Fatalf("seed %d: %v", i, err)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Load(unpack(data))
		if err != nil {
			return
		}
		again, err := Load(mapFS(t, b))
		if err != nil {
			t.Fatalf("a bundle that was loaded does not load again: %v", err)
		}
		for _, name := range b.TargetNames() {
			x, _ := ContentHash(b, name)
			if y, err := ContentHash(again, name); err != nil || x != y {
				t.Fatalf("target %s has content %s, then %s (%v)", name, x, y, err)
			}
		}
	})
}

func unpack(data []byte) fstest.MapFS {
	m := fstest.MapFS{}
	for _, file := range txtar.Parse(data).Files {
		m[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	return m
}
