package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/model/kernel"
)

// build is what version tells: what two people compare when their results differ.
type build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
	// ISA is the instruction set in use, ISAs all that this processor has.
	ISA  string   `json:"isa"`
	ISAs []string `json:"isas"`
	// Hardened and Reference are the digests of the two sets of rules.
	Hardened  string `json:"hardened_rules"`
	Reference string `json:"reference_rules"`
}

func newVersion(t terminal) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "tell version, processor and digests of rules",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			h, r := grail.Hardened().Digest(), grail.Reference().Digest()
			b := build{
				version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, kernel.ISA(), kernel.ISAs(),
				fmt.Sprintf("%x", h), fmt.Sprintf("%x", r),
			}
			if asJSON {
				e := json.NewEncoder(t.out)
				e.SetIndent("", "  ")
				if err := e.Encode(b); err != nil {
					return fmt.Errorf("couldn't write version: %w", err)
				}
				return nil
			}
			_, err := fmt.Fprintf(t.out, "nanteos %s\ngo         %s on %s\nengine     %s, of %s\nhardened   rules %s\nreference  rules %s\n",
				b.Version, b.Go, b.System, b.ISA, strings.Join(b.ISAs, ", "), b.Hardened, b.Reference)
			if err != nil {
				return fmt.Errorf("couldn't write version: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// version is the module's version, or the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " with changes"
		}
	}
	if v == "" || v == "(devel)" {
		v = "development"
	}
	if revision != "" {
		v += " (" + revision + dirty + ")"
	}
	return v
}
