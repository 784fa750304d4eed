//go:build !linux

package memory

import "errors"

const canMap = false

func mapRegion(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func adviseHuge([]byte) {}

func unmapRegion([]byte) {}
