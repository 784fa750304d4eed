package cpu

import (
	"io/fs"
	"strings"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/runtime/tensor"
)

// BundleOption is an option of LoadBundle.
type BundleOption func(*bundleOptions)

type bundleOptions struct {
	target   string
	verifier bundle.Verifier
	memory   bundle.Memory
	weights  map[string]*tensor.Tensor
}

// WithTarget chooses what the bundle holds for one target, such as cpu:generic. Absent: its first CPU
// target; this executor runs any of them, and they differ in speed alone.
func WithTarget(name string) BundleOption { return func(o *bundleOptions) { o.target = name } }

// WithVerifier gives what decides whether the bundle's μGraph is its program, before the first run.
func WithVerifier(v bundle.Verifier) BundleOption { return func(o *bundleOptions) { o.verifier = v } }

// WithMemory gives what remembers the content hashes that this machine has verified.
func WithMemory(m bundle.Memory) BundleOption { return func(o *bundleOptions) { o.memory = m } }

// WithWeights gives const inputs by name, as for Device.Load.
func WithWeights(w map[string]*tensor.Tensor) BundleOption {
	return func(o *bundleOptions) { o.weights = w }
}

// LoadBundle reads a bundle from the root of fsys (os.DirFS of a folder, an embed.FS, or fs.Sub of
// either) and prepares what it holds for the CPU. Unless the memory knows its content, the verifier
// must accept it first: nothing unverified is loaded. Errors: those of bundle.Load; a *bundle.TargetError
// listing what is inside; bundle.ErrUnverified; bundle.ErrNotExecuted for kernels that
// the record says have never run; those of Device.Load.
func LoadBundle(dev *Device, fsys fs.FS, opts ...BundleOption) (*Program, error) {
	b, err := bundle.Load(fsys)
	if err != nil {
		return nil, err
	}
	return dev.loadBundle(b, opts)
}

// OpenBundle is LoadBundle of a folder; errors begin with its path.
func OpenBundle(dev *Device, dir string, opts ...BundleOption) (*Program, error) {
	b, err := bundle.Open(dir)
	if err != nil {
		return nil, err
	}
	return dev.loadBundle(b, opts)
}

func (d *Device) loadBundle(b *bundle.Bundle, opts []BundleOption) (*Program, error) {
	var o bundleOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.target == "" {
		o.target = "cpu"
		for _, name := range b.TargetNames() {
			if strings.HasPrefix(name, "cpu:") || name == "cpu" {
				o.target = name
				break
			}
		}
	}
	r, err := b.Runnable(o.target, o.verifier, nil, o.memory)
	if err != nil {
		return nil, err
	}
	return d.Load(r.Graph(), o.weights)
}
