//go:build !linux

package alarm

import (
	"errors"
	"time"
)

func newKernel(time.Duration, func()) (Alarm, error) { return nil, errors.ErrUnsupported }
