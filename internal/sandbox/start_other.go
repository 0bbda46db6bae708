//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"context"
	"fmt"
	"runtime"
)

// errPlatform is every answer where there are no namespaces to be had.
func errPlatform() error {
	return fmt.Errorf("%w: untrusted programs run on linux (amd64 or arm64) only, this is %s/%s: use a linux machine, container or virtual machine",
		ErrUnavailable, runtime.GOOS, runtime.GOARCH)
}

func start(context.Context, Spec) (*Process, error) { return nil, errPlatform() }

func probe(context.Context) Report {
	return Report{Namespaces: errPlatform(), Bubblewrap: errPlatform()}
}
