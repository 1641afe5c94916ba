//go:build !linux

package mockserver

import "errors"

func newKernelAlarm(clock, func()) (alarm, error) { return nil, errors.ErrUnsupported }
