package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
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
		m := unpack(data)
		b, err := Load(m)
		if err != nil {
			// Hashes stop nearly every change; with those of the changed files the rest is reached.
			if b, err = Load(signAnew(m)); err != nil {
				return
			}
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
		if fs.ValidPath(file.Name) { // others are no file system: MapFS walks around in a name like ""
			m[file.Name] = &fstest.MapFile{Data: file.Data}
		}
	}
	return m
}

// signAnew makes the manifest's sizes and hashes those of the files.
func signAnew(m fstest.MapFS) fstest.MapFS {
	file := m[manifestPath]
	if file == nil {
		return m
	}
	man, err := parseManifest(file.Data)
	if err != nil {
		return m
	}
	for i := range man.Files {
		f := &man.Files[i]
		if m[f.Path] == nil {
			continue
		}
		sum := sha256.Sum256(m[f.Path].Data)
		f.Size, f.SHA256 = int64(len(m[f.Path].Data)), hex.EncodeToString(sum[:])
	}
	data, err := json.Marshal(man)
	if err != nil {
		return m
	}
	m[manifestPath] = &fstest.MapFile{Data: data}
	return m
}
