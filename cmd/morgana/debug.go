package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/search/target"
)

// checkEnvironment tells which environment variable holds what this machine does not have or what
// is no value for it. (MORGANA_THREADS is checked as the flag that it stands for.)
func checkEnvironment() error {
	if err := kernel.EnvError(); err != nil {
		return err
	}
	if text := os.Getenv("MORGANA_DEBUG"); text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 0 {
			return fmt.Errorf("MORGANA_DEBUG is %q; want a level: 0 nothing, 1 the device, 2 each kernel that runs", text)
		}
	}
	return nil
}

// debugLevel is MORGANA_DEBUG, which checkEnvironment has seen.
func debugLevel() int {
	n, _ := strconv.Atoi(os.Getenv("MORGANA_DEBUG"))
	return n
}

// debugDevice prints what MORGANA_DEBUG asks for of a device: from level 1 on the device itself, from
// level 2 on a line for each kernel that runs.
func debugDevice(a *app, d *cpu.Device) {
	level := debugLevel()
	if level >= 1 {
		row := target.Native(features())
		fmt.Fprintf(a.stderr, "cpu: %d threads, kernels at level %s, priced as %s\n", d.Threads(), kernel.Level(), row.Name)
	}
	if level >= 2 {
		d.OnKernel(func(k cpu.KernelRun) {
			us := micros(k.Elapsed)
			fmt.Fprintf(a.stderr, "%-24s %10.1f µs %8.1f GFLOP/s %8.1f GB/s\n", k.Name, us, k.Flops/us/1e3, k.Bytes/us/1e3)
		})
	}
}
