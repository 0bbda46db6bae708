package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/grail"
)

// repository is the way from this package to the root.
const repository = "../.."

// documents are the files whose commands people type.
func documents(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(repository, "docs", "*.md"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return append(all, filepath.Join(repository, "README.md"), filepath.Join(repository, "CONTRIBUTING.md"), filepath.Join(repository, "DESIGN.md"))
}

// TestDocumentedCommands runs the commands of the fenced sh blocks in the evidence of a devnet. Those that take long are held to what the program
// understands; tools of Go must name packages that exist. A comment that says "refused" stands behind a command that exits with 1.
func TestDocumentedCommands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the documents are written for sh")
	}
	evidence := evidenceFolder(t)
	for _, name := range documents(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, net := range []string{"net", "netref"} {
				if err := errors.Join(os.Mkdir(filepath.Join(dir, net), 0o755), os.Symlink(evidence, filepath.Join(dir, net, "evidence"))); err != nil {
					t.Fatal(err)
				}
			}
			for _, line := range shellLines(string(text)) {
				if err := tryCommand(dir, line); err != nil {
					t.Errorf("%s\n%v", line, err)
				}
			}
		})
	}
}

// shellLines returns the commands of the sh blocks.
func shellLines(text string) []string {
	var lines []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside && line != "" && line[0] != '#':
			lines = append(lines, line)
		}
	}
	return lines
}

var assignment = regexp.MustCompile(`^[A-Z_]+=\S*$`)

// tryCommand runs or checks one command.
func tryCommand(dir, line string) error {
	command, comment, _ := strings.Cut(line, " #")
	words := strings.Fields(strings.ReplaceAll(command, "go run ./cmd/nanteos", "nanteos"))
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return errors.New("there is no command")
	}
	switch words[0] {
	case "nanteos":
		if i := slices.Index(words, ">"); i >= 0 {
			words = words[:i]
		}
		long, err := understands(words[1:])
		if err != nil || long {
			return err
		}
	case "cp", "cmp":
	case "go":
		return goPackages(words)
	case "bash":
		_, err := os.Stat(filepath.Join(repository, words[1]))
		return err
	default:
		return fmt.Errorf("no test knows how to try %s", words[0])
	}
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, "go run ./cmd/nanteos", "nanteos"))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if strings.Contains(comment, "refused") {
		if errors.As(err, &exit) && exit.ExitCode() == 1 && bytes.Contains(out, []byte("would be refused by")) {
			return nil
		}
		return fmt.Errorf("it is not refused: %v\n%s", err, out)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// understands says whether the program knows the command and its flags. long is true for those that run for minutes or need a network.
func understands(args []string) (long bool, err error) {
	cmd, rest, err := newRoot(terminal{}).Find(args)
	if err != nil {
		return false, err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return false, err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return false, err
	}
	return slices.Contains([]string{"devnet", "mine", "validate", "train", "register", "metagraph", "train-base", "pull", "serve"}, cmd.Name()), nil
}

// goPackages wants the packages that a go command names to exist.
func goPackages(words []string) error {
	if !slices.Contains([]string{"build", "test", "generate", "install"}, words[1]) {
		return fmt.Errorf("no test knows go %s", words[1])
	}
	for _, w := range words[2:] {
		if dir, ok := strings.CutPrefix(w, "./"); ok {
			if _, err := os.Stat(filepath.Join(repository, strings.TrimSuffix(dir, "..."))); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestTryCommand makes sure that the test above notices what is wrong.
func TestTryCommand(t *testing.T) {
	dir := t.TempDir()
	for _, line := range []string{
		"nanteos nonsense", "nanteos devnet --nonsense", "go run ./cmd/nanteos devnet now", "nanteos preflight", "nanteos preflight nowhere.parquet",
		"nanteos preflight nowhere.parquet # refused", "go test ./nowhere/...", "go frobnicate", "bash nowhere", "curl example.org", "A=1",
	} {
		if err := tryCommand(dir, line); err == nil {
			t.Errorf("%s was let through", line)
		}
	}
	for _, line := range []string{"nanteos devnet --windows 1 -v", "go run ./cmd/nanteos version", "A=1 go test ./...", "NO_COLOR=1 nanteos version > v.txt"} {
		if err := tryCommand(dir, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)

// TestLinks wants the files that documents point at to exist.
func TestLinks(t *testing.T) {
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s points at %s: %v", name, m[1], err)
			}
		}
	}
}

// TestDevnetDocument holds docs/devnet.md to the flags and the kinds of cheaters.
func TestDevnetDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "devnet.md"))
	if err != nil {
		t.Fatal(err)
	}
	cmd, _, err := newRoot(terminal{}).Find([]string{"devnet"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range flagNames(cmd) {
		if name != "verbose" && name != "help" && !strings.Contains(string(text), "| `--"+name+"` |") {
			t.Errorf("docs/devnet.md doesn't list --%s", name)
		}
	}
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	for line := range strings.Lines(cmd.Flags().FlagUsages()) {
		if m := regexp.MustCompile(`--([a-z-]+)`).FindStringSubmatch(line); m != nil {
			names = append(names, m[1])
		}
	}
	return names
}

// TestRulesDocument holds docs/rules.md to the rules: every field once, with the values of both sets.
func TestRulesDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tables, ok := strings.Cut(string(text), "## Where the two differ")
	if !ok {
		t.Fatal("docs/rules.md has no table of differences")
	}
	documented := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `([^`]*)` \\|(?: `([^`]*)` \\|)?")
	for _, m := range row.FindAllStringSubmatch(tables, -1) {
		if m[3] == "" {
			m[3] = m[2]
		}
		documented[m[1]] = []string{m[2], m[3]}
	}
	reference, hardened := fieldsOf(t, grail.Reference()), fieldsOf(t, grail.Hardened())
	for field := range reference {
		got := documented[field]
		if got == nil {
			t.Errorf("docs/rules.md doesn't tell of %s", field)
			continue
		}
		for i, want := range []any{reference[field], hardened[field]} {
			var told any
			if err := json.Unmarshal([]byte(got[i]), &told); err != nil {
				t.Errorf("%s: %s is no value: %v", field, got[i], err)
			} else if fmt.Sprint(told) != fmt.Sprint(want) {
				t.Errorf("%s is %v in one of the sets, docs/rules.md says %v", field, want, told)
			}
		}
		delete(documented, field)
	}
	for field := range documented {
		t.Errorf("docs/rules.md tells of %s, which is no field", field)
	}
	if !strings.Contains(string(text), fmt.Sprintf("JSON object of %d fields", len(reference))) {
		t.Errorf("docs/rules.md doesn't say that there are %d fields", len(reference))
	}
}

func fieldsOf(t *testing.T, r grail.Rules) map[string]any {
	t.Helper()
	text, err := json.Marshal(r)
	var fields map[string]any
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fields
}
