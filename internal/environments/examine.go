package environments

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// Report is what this machine has of all that environments need. It is the answer of nanteos doctor.
type Report struct {
	// Ready says that everything that was asked about can be used: Env, or all environments where it is empty.
	Ready bool   `json:"ready"`
	Env   string `json:"env,omitempty"`

	Sandbox Sandbox `json:"sandbox"`
	Python  Part    `json:"python"`
	Sympy   Part    `json:"sympy"`
	Kernels Part    `json:"kernels"`
	// Datasets are those of all environments that have one.
	Datasets []Dataset `json:"datasets"`
	// Environments are all that this build has.
	Environments []Readiness `json:"environments"`
}

// Part is one thing that environments need.
type Part struct {
	OK bool `json:"ok"`
	// Version and Path say which one was found.
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"`
	// Exact says that it computes what the reference does to the letter.
	Exact bool `json:"exact,omitempty"`
	// Note says what is found, or what is wrong; Hint what to do about it.
	Note string `json:"note,omitempty"`
	Hint string `json:"hint,omitempty"`
}

// Sandbox is what keeps foreign programs in.
type Sandbox struct {
	OK      bool   `json:"ok"`
	Backend string `json:"backend,omitempty"`
	// Namespaces and Bubblewrap say why a backend doesn't work, empty for one that does.
	Namespaces string  `json:"namespaces,omitempty"`
	Bubblewrap string  `json:"bubblewrap,omitempty"`
	Layers     []Layer `json:"layers"`
}

// Layer is a layer of the sandbox.
type Layer struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Note string `json:"note,omitempty"`
	Hint string `json:"hint,omitempty"`
}

// Dataset is the dataset of an environment, as far as it is here.
type Dataset struct {
	Env string `json:"env"`
	// Title and Licence are those of the dataset that networks use.
	Title   string `json:"title"`
	Licence string `json:"licence"`
	// OK says that it was pulled or imported. Sample is the digest of the program's own small one, which stands in for tests.
	OK     bool   `json:"ok"`
	Sample string `json:"sample,omitempty"`
	// Digest, Source and Rows are those of the one that is here.
	Digest string `json:"digest,omitempty"`
	Source string `json:"source,omitempty"`
	Rows   int    `json:"rows,omitempty"`
	// Deviations say in what it isn't as the network's is known to be.
	Deviations []string `json:"deviations,omitempty"`
	Note       string   `json:"note,omitempty"`
	Hint       string   `json:"hint,omitempty"`
}

// Readiness says whether an environment can be used.
type Readiness struct {
	ID    string `json:"id"`
	Ready bool   `json:"ready"`
	Needs Needs  `json:"needs"`
	// Registered says that networks under the reference's rules can use it.
	Registered bool `json:"registered"`
	// Missing says what keeps it from being ready, Limited what it does without.
	Missing []string `json:"missing,omitempty"`
	Limited []string `json:"limited,omitempty"`
}

// Examine finds out what is here. env is the id of the environment that is asked about, empty for all. The error wraps task.ErrUnknownEnvironment where
// there is no such environment, or is the context's.
func (k *Kit) Examine(ctx context.Context, env string) (Report, error) {
	r := Report{Env: env, Ready: true}
	known := env == ""
	for _, id := range catalog.IDs() {
		known = known || id == env
	}
	if !known {
		return r, fmt.Errorf("couldn't examine environment %.40q: %w: this build has %s", env, task.ErrUnknownEnvironment, strings.Join(catalog.IDs(), ", "))
	}
	r.Sandbox = examineSandbox(ctx)
	r.Python, r.Sympy = k.examinePython(ctx)
	r.Kernels = k.examineKernels(ctx)
	for _, id := range dataset.Envs() {
		r.Datasets = append(r.Datasets, k.examineDataset(ctx, id))
	}
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("couldn't examine this machine: %w", err)
	}
	for _, id := range catalog.IDs() {
		e := r.readiness(id)
		r.Environments = append(r.Environments, e)
		if env == "" || env == id {
			r.Ready = r.Ready && e.Ready
		}
	}
	return r, nil
}

// readiness judges an environment by what was found.
func (r *Report) readiness(id string) Readiness {
	e := Readiness{ID: id, Needs: NeedsOf(id), Registered: catalog.Registered(id) == nil}
	if e.Needs.Dataset {
		for _, d := range r.Datasets {
			if d.Env == dataset.Canonical(id) && !d.OK {
				e.Missing = append(e.Missing, "dataset")
			}
		}
	}
	if e.Needs.Python {
		switch {
		case !r.Sandbox.OK:
			e.Missing = append(e.Missing, "sandbox")
		case !r.Python.OK:
			e.Missing = append(e.Missing, "python")
		case !r.Python.Exact:
			e.Limited = append(e.Limited, "python "+r.Python.Version)
		}
	}
	if e.Needs.Sympy && !r.Sympy.OK {
		e.Limited = append(e.Limited, "sympy")
	}
	if e.Needs.GPU && !r.Kernels.OK {
		e.Limited = append(e.Limited, "gpu")
	}
	e.Ready = len(e.Missing) == 0
	return e
}

func examineSandbox(ctx context.Context) Sandbox {
	p := sandbox.Probe(ctx)
	s := Sandbox{OK: p.OK, Layers: []Layer{}}
	if p.OK {
		s.Backend = p.Backend.String()
	}
	if p.Namespaces != nil {
		s.Namespaces = p.Namespaces.Error()
	}
	if p.Bubblewrap != nil {
		s.Bubblewrap = p.Bubblewrap.Error()
	}
	for _, l := range p.Layers {
		s.Layers = append(s.Layers, Layer{l.Name, l.OK, l.Note, l.Hint})
	}
	return s
}

func (k *Kit) examineDataset(ctx context.Context, env string) Dataset {
	d := Dataset{Env: env}
	if spec, err := dataset.SpecOf(env); err == nil {
		d.Title, d.Licence = spec.Title, spec.Licence
	}
	if s, err := k.data.sample(env); err == nil {
		d.Sample = s.Digest
	}
	s, err := k.data.pulled(ctx, env)
	if err != nil {
		d.Note, d.Hint = err.Error(), "nanteos data remove "+env+" and get it again"
		if errors.Is(err, task.ErrNoTool) {
			d.Note, d.Hint = "not here", "nanteos data pull "+env+" gets it; nanteos data import "+env+" FILE takes files that you have"
		}
		return d
	}
	d.OK, d.Digest, d.Source, d.Rows, d.Deviations = true, s.Digest, s.Source, rows(s), s.Deviations()
	return d
}
