package sandbox

import "context"

// Layer is one layer of protection and whether it is in force.
type Layer struct {
	Name string // "user namespace", "seccomp", "landlock", "cgroup v2", "proc", "bubblewrap", ...
	OK   bool
	Note string // what is in force, or why it isn't
	Hint string // what to do to get it; empty if OK
}

// Report says what this machine offers.
type Report struct {
	// Backend is what Auto would use; meaningful if OK.
	Backend Backend
	// OK says that untrusted programs can run here.
	OK bool
	// Namespaces and Bubblewrap are the backends' own states: nil, or why they don't work and what to do.
	Namespaces, Bubblewrap error
	// Layers are the layers of the chosen backend, those in force and those that the machine lacks.
	Layers []Layer
}

// Probe finds out what works here by building a sandbox with each backend and taking it down again, about 20 ms in all. The result is kept for the life of
// the process, except where ctx ended first.
func Probe(ctx context.Context) Report { return probe(ctx) }
