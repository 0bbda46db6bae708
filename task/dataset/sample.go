package dataset

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
)

// SampleSource is the Source of the sets that Sample makes.
const SampleSource = "sample"

const sampleLicence = "that of nanteos"

// sampleFiles are programs of our own, written for this purpose: no line is from another dataset.
//
//go:embed sample
var sampleFiles embed.FS

// samples are made once: each has one digest for all who use it.
var samples = func() map[string]func() (*Set, error) {
	out := map[string]func() (*Set, error){}
	for env, tables := range map[string]func() (map[string][]Row, error){
		"gsm8k": sampleGSM8K, "math": sampleMATH, "mbpp": sampleMBPP, "humaneval": sampleHumanEval, "triton_kernel": sampleKernels, "affine_trace": sampleTrace,
	} {
		out[env] = sync.OnceValues(func() (*Set, error) {
			t, err := tables()
			if err != nil {
				return nil, fmt.Errorf("couldn't make the sample of %s: %w", env, err)
			}
			return New(env, SampleSource, sampleLicence, t)
		})
	}
	return out
}()

// Sample returns a small set of the program's own for an environment, in the form of the public one: enough to run and test every environment on a
// machine without any other data. Its problems are easy, few and known to everybody, so that rewards on them mean nothing. Errors wrap ErrUnknownEnv.
func Sample(env string) (*Set, error) {
	spec, err := SpecOf(env)
	if err != nil {
		return nil, err
	}
	return samples[spec.Env]()
}

// item is a part of a file of samples: its name and the lines below it.
type item struct{ name, body string }

// itemLine begins an item: a comment, so that the files stay programs that run and are checked whole.
var itemLine = regexp.MustCompile(`(?m)^# --- (.+)\n`)

// items divides a file of samples.
func items(file string) ([]item, error) {
	b, err := sampleFiles.ReadFile(path.Join("sample", file))
	if err != nil {
		return nil, err
	}
	s := string(b)
	var out []item
	marks := itemLine.FindAllStringSubmatchIndex(s, -1)
	for i, m := range marks {
		end := len(s)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		out = append(out, item{s[m[2]:m[3]], strings.Trim(s[m[1]:end], "\n") + "\n"})
	}
	return out, nil
}

// cut divides an item at a line.
func (i item) cut(line string) (before, after string, err error) {
	before, after, ok := strings.Cut(i.body, "\n"+line+"\n")
	if !ok {
		return "", "", fmt.Errorf("sample %q has no line %q", i.name, line)
	}
	return before + "\n", after, nil
}

// sampleMBPP divides its tasks over the tables in turn: train, test, validation, test.
func sampleMBPP() (map[string][]Row, error) {
	all, err := items("mbpp.py")
	if err != nil {
		return nil, err
	}
	tables := map[string][]Row{}
	for n, i := range all {
		code, tests, err := i.cut("# tests")
		if err != nil {
			return nil, err
		}
		name := "full/" + [...]string{"train", "test", "validation", "test"}[n%4]
		tables[name] = append(tables[name], Row{
			"task_id": int64(n + 1), "text": i.name, "code": strings.TrimRight(code, "\n"),
			"test_list": strings.Split(strings.TrimSpace(tests), "\n"), "test_setup_code": "",
		})
	}
	return tables, nil
}

func sampleHumanEval() (map[string][]Row, error) {
	all, err := items("humaneval.py")
	if err != nil {
		return nil, err
	}
	var rows []Row
	for n, i := range all {
		program, test, err := i.cut("# check")
		if err != nil {
			return nil, err
		}
		prompt, solution, err := item{i.name, program}.cut("    # solution")
		if err != nil {
			return nil, err
		}
		rows = append(rows, Row{
			"task_id": fmt.Sprintf("Sample/%d", n), "prompt": prompt, "canonical_solution": strings.TrimRight(solution, "\n") + "\n",
			"test": "\n\n" + strings.TrimRight(test, "\n") + "\n", "entry_point": i.name,
		})
	}
	return map[string][]Row{"openai_humaneval/test": rows}, nil
}

func sampleKernels() (map[string][]Row, error) {
	tables := map[string][]Row{}
	for level := 1; level <= 4; level++ {
		all, err := items(fmt.Sprintf("kernels_%d.py", level))
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("default/level_%d", level)
		for n, i := range all {
			tables[name] = append(tables[name], Row{"code": i.body, "level": int64(level), "name": fmt.Sprintf("%d_%s", n+1, i.name), "problem_id": int64(n + 1)})
		}
	}
	return tables, nil
}

// sampleTrace reads programs with what they are given: lines of the form "# < text".
func sampleTrace() (map[string][]Row, error) {
	all, err := items("trace.py")
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, i := range all {
		var program, input strings.Builder
		for line := range strings.Lines(i.body) {
			if given, ok := strings.CutPrefix(line, "# < "); ok {
				input.WriteString(given)
			} else {
				program.WriteString(line)
			}
		}
		rows = append(rows, Row{"program": program.String(), "inputs": input.String()})
	}
	return map[string][]Row{"default/train": rows}, nil
}
