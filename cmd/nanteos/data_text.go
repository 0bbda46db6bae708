package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/datasets"
	"github.com/nanteos/nanteos/task/dataset"
)

// licenceText is shown before a dataset is fetched: whose it is, and under which licence.
func licenceText(spec dataset.Spec) string {
	return fmt.Sprintf("%s, licence %s: %s.", spec.Title, spec.Licence, spec.Attribution)
}

// showData tells of a set that has come in.
func showData(t terminal, asJSON bool, info datasets.Info) error {
	if asJSON {
		text, err := json.Marshal(struct {
			Event string `json:"event"`
			datasets.Info
		}{"stored", info})
		if err != nil {
			return fmt.Errorf("couldn't encode: %w", err)
		}
		return printText(t, string(text)+"\n")
	}
	return printText(t, dataText(info))
}

// dataText is a set as people read it.
func dataText(i datasets.Info) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, escape(fmt.Sprintf(format, args...)))
	}
	line("dataset", "%s for %s", i.Title, i.Env)
	line("digest", "%s", i.Digest)
	line("source", "%s", i.Source)
	if i.Revision != "" && i.Revision != i.Commit {
		line("revision", "%s, as it was on %s", i.Revision, i.Added.Format(time.DateOnly))
	}
	line("licence", "%s", i.Licence)
	line("by", "%s", i.Attribution)
	line("rows", "%s", rowsText(i))
	if i.Unchanged {
		line("note", "it was here already")
	}
	for _, d := range i.Deviations {
		line("warning", "%s: problems differ from the network's", d)
	}
	return b.String()
}

// rowsText is how many rows there are, in few tables by their names.
func rowsText(i datasets.Info) string {
	total := 0
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(i.Rows)) {
		total += i.Rows[name]
		parts = append(parts, fmt.Sprintf("%s %d", name, i.Rows[name]))
	}
	if len(parts) > 6 {
		return fmt.Sprintf("%d in %d tables", total, len(parts))
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(parts, ", "))
}

// dataShowText is the current set with all that is known of it, then the others.
func dataShowText(infos []datasets.Info) string {
	var b strings.Builder
	b.WriteString(dataText(infos[0]))
	for _, f := range infos[0].Files {
		fmt.Fprintf(&b, "%-10s %s, %s, sha256 %s\n", "file", escape(f.Name), bytesText(f.Size), f.SHA256)
	}
	for _, i := range infos[1:] {
		fmt.Fprintf(&b, "%-10s %s from %s\n", "also", i.Digest, escape(i.Source))
	}
	return b.String()
}

// dataEntry is the JSON of an environment in `nanteos data list`.
type dataEntry struct {
	Env         string          `json:"env"`
	Title       string          `json:"title"`
	Repository  string          `json:"repository"`
	Licence     string          `json:"licence"`
	Attribution string          `json:"attribution"`
	Sets        []datasets.Info `json:"sets"`
	// Sample is the digest of the program's own small set.
	Sample string `json:"sample"`
}

func dataListing(here []datasets.Info) []dataEntry {
	var out []dataEntry
	for _, env := range dataset.Envs() {
		spec, err := dataset.SpecOf(env)
		if err != nil {
			continue // an environment of Envs has one
		}
		e := dataEntry{Env: env, Title: spec.Title, Repository: spec.Repository, Licence: spec.Licence, Attribution: spec.Attribution, Sets: []datasets.Info{}}
		if s, err := dataset.Sample(env); err == nil {
			e.Sample = s.Digest
		}
		for _, i := range here {
			if i.Env == env {
				e.Sets = append(e.Sets, i)
			}
		}
		out = append(out, e)
	}
	return out
}

func dataListText(here []datasets.Info) string {
	var b strings.Builder
	for _, e := range dataListing(here) {
		fmt.Fprintf(&b, "%-14s %-12s %-10s %s\n", e.Env, e.Title, e.Licence, e.Repository)
		if len(e.Sets) == 0 {
			fmt.Fprintf(&b, "  not here; nanteos data pull %s gets it\n", e.Env)
		}
		for _, i := range e.Sets {
			note := ""
			switch {
			case !i.Current:
				note = ", an older one"
			case len(i.Deviations) > 0:
				note = ", not of the network's size"
			}
			fmt.Fprintf(&b, "  %.16s… from %s%s\n", i.Digest, escape(i.Source), note)
		}
	}
	return b.String()
}

// printText writes a command's output.
func printText(t terminal, text string) error {
	if _, err := fmt.Fprint(t.out, text); err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}
