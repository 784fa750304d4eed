package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A bundle is written in a folder beside its place. A process that is killed leaves it behind, and the next
// one that writes to the same place removes it: the name says who made it.
//
//	.NAME.new-HOST-PID-RANDOM

// abandoned is the age at which a folder of another machine, of which nobody here can tell whether its
// process lives, is taken for left behind. Writing one takes a second.
const abandoned = 24 * time.Hour

// newPrefix is what the names of folders begin with that are on the way to dir.
func newPrefix(dir string) string { return "." + filepath.Base(dir) + ".new-" }

// mkdirNew makes a folder for a bundle on its way to dir, in parent.
func mkdirNew(parent, dir string) (string, error) {
	return os.MkdirTemp(parent, fmt.Sprintf("%s%s-%d-*", newPrefix(dir), hostID(), os.Getpid()))
}

// hostID is a short name of this machine, or container: process ids mean something on one only.
func hostID() string {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(name)))[:8]
}

// removeStale removes what killed processes have left beside dir. What cannot be removed stays: it is in
// nobody's way.
func removeStale(dir string, now time.Time) {
	parent := filepath.Dir(dir)
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), newPrefix(dir))
		if !ok || !e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		dead := now.Sub(info.ModTime()) > abandoned
		if f := strings.Split(rest, "-"); len(f) == 3 && f[0] == hostID() {
			if pid, err := strconv.Atoi(f[1]); err == nil && !alive(pid) {
				dead = true
			}
		}
		if dead {
			_ = os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
}

// alive tells whether there is a process with this id on this machine, as far as the system says.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	err = p.Signal(syscall.Signal(0)) // Windows has no such signal, but knows in FindProcess
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}
