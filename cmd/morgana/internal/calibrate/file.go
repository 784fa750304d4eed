package calibrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Machine is what a calibration is of. On another machine, with other kernels or fewer cores it does not hold.
type Machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPU   string `json:"cpu,omitempty"` // the processor's name, where the system tells
	Level string `json:"level"`         // of the kernels
	Cores int    `json:"cores"`
	Row   string `json:"row"` // whose coefficients were measured: its doc
}

// Here is this machine, for a row.
func Here(row *target.Row) Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: processor(), Level: kernel.Level(), Cores: runtime.GOMAXPROCS(0), Row: row.Doc}
}

// processor is the processor's name as Linux tells it; "" elsewhere.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// format is the version of the file; of another one nothing is read.
const format = 1

// file is what stands in calibration.json.
type file struct {
	Format  int                    `json:"format"`
	Machine Machine                `json:"machine"`
	Rates   target.Measurements    `json:"coefficients"`
	Casts   map[string]target.Cast `json:"casts"`
}

// Path is where the calibration of the user's machine stands, in the folder of the kernel store.
func Path(dir string) string { return filepath.Join(dir, "calibration.json") }

// Encode is the content of a calibration's file.
func Encode(m Machine, c target.Measurements) ([]byte, error) {
	f := file{Format: format, Machine: m, Rates: c, Casts: map[string]target.Cast{}}
	for t, r := range c.Casts {
		f.Casts[t.String()] = r
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

// Load reads a calibration and gives it with a hash of what it says. There is none, without an error, where there is no
// file or where it is of another machine; a file that cannot be read or understood is an error.
func Load(path string, m Machine) (c *target.Measurements, hash string, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, "", fmt.Errorf("%s: %w; `morgana targets --calibrate` writes it anew", path, err)
	}
	if f.Format != format || f.Machine != m {
		return nil, "", nil
	}
	f.Rates.Casts = map[ugraph.DType]target.Cast{}
	for name, r := range f.Casts {
		t, err := ugraph.ParseDType(name)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w; `morgana targets --calibrate` writes it anew", path, err)
		}
		f.Rates.Casts[t] = r
	}
	sum := sha256.Sum256(b)
	return &f.Rates, hex.EncodeToString(sum[:8]), nil
}
