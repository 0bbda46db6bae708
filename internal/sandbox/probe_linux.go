//go:build amd64 || arm64

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

var (
	probed   *Report
	probeMux sync.Mutex
)

// probe implements Probe.
func probe(ctx context.Context) Report {
	probeMux.Lock()
	defer probeMux.Unlock()
	if probed != nil {
		return *probed
	}
	var r Report
	var own, bwrap []Layer
	own, r.Namespaces = tryBackend(ctx, Namespaces)
	bwrap, r.Bubblewrap = tryBackend(ctx, Bubblewrap)
	switch {
	case r.Namespaces == nil:
		r.OK, r.Backend, r.Layers = true, Namespaces, own
	case r.Bubblewrap == nil:
		r.OK, r.Backend, r.Layers = true, Bubblewrap, bwrap
	}
	if ctx.Err() == nil {
		probed = &r
	}
	return r
}

// tryBackend builds a sandbox that has nothing in it and runs nothing.
func tryBackend(ctx context.Context, backend Backend) ([]Layer, error) {
	p := &plan{Path: "/", Limits: Limits{}.withDefaults(), ID: -1, Probe: true}
	proc, err := launch(ctx, backend, p)
	if err != nil {
		return nil, err
	}
	err = proc.Wait()
	_ = proc.Close()
	if err != nil {
		return nil, fmt.Errorf("%w: the trial failed: %w: %s", ErrUnavailable, err, lastLine(proc.Log()))
	}
	return proc.Layers, nil
}

// unavailable is the error of Start where nothing works.
func (r Report) unavailable() error {
	trim := func(err error) string { return strings.TrimPrefix(err.Error(), ErrUnavailable.Error()+": ") }
	if errors.Is(r.Namespaces, ErrUnavailable) && errors.Is(r.Bubblewrap, ErrUnavailable) {
		return fmt.Errorf("%w: %s; and %s", ErrUnavailable, trim(r.Namespaces), trim(r.Bubblewrap))
	}
	return fmt.Errorf("%w: %w; and %w", ErrUnavailable, r.Namespaces, r.Bubblewrap)
}

// knob is a switch of the kernel that forbids user namespaces, and the value with which it does.
type knob struct {
	file, value, remedy string
}

var knobs = []knob{
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"AppArmor forbids user namespaces to programs without a profile (Ubuntu 23.10 and newer): install bubblewrap with its AppArmor profile, " +
			"or give nanteos a profile with 'userns,', or run sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0",
		"user namespaces are for root only: run sysctl -w kernel.unprivileged_userns_clone=1, or install bubblewrap"},
	{"/proc/sys/user/max_user_namespaces", "0",
		"user namespaces are switched off: run sysctl -w user.max_user_namespaces=15000, or run as root with bubblewrap"},
}

// hint says what to do on this machine where a backend doesn't work.
func hint(backend Backend) string { return hintFrom(backend, os.ReadFile) }

// hintFrom is hint with the reading of files as an argument.
func hintFrom(backend Backend, read func(string) ([]byte, error)) string {
	for _, k := range knobs {
		if data, err := read(k.file); err == nil && strings.TrimSpace(string(data)) == k.value {
			return k.remedy
		}
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := read(mark); err == nil {
			return "the container forbids namespaces: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined " +
				"--security-opt systempaths=unconfined (not --privileged), or run nanteos on the host"
		}
	}
	if backend == Namespaces {
		return "install bubblewrap, or allow this user to make user namespaces"
	}
	return "allow this user to make user namespaces"
}
