package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sampleDigests are the digests of the samples. A change of one makes networks that run on samples disagree with those of other versions.
var sampleDigests = map[string]string{
	"gsm8k":         "bddd248f84da9ac07bd1d82a092c5225d7cb173823b5ddc618aec89cb82e68f1",
	"math":          "47d32f0ca289035755334756094c6ac2c163b4bbac7c41a5e527ca99c96e715e",
	"mbpp":          "0bf337db863f1ba30b3dced8ec636b957c7b1e1fbb3b99fd23ebbd84b607c14a",
	"humaneval":     "008d3de03987bc741f18d151db567f77eaab21a7a0bf76e789f635f987b1a163",
	"triton_kernel": "db5a419fb35579bf044e25d716d3355d16bc2ff9264d714cb2378447fc1e244c",
	"affine_trace":  "e9a521aac9f076b26274a4874b9dff8a81c7d17a49d48f69bdfc957fdd92ec37",
}

func TestSamples(t *testing.T) {
	for _, env := range append(Envs(), "python_code") {
		s, err := Sample(env)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Sample(env)
		if s != again || s.Source != SampleSource || s.Env != Canonical(env) {
			t.Errorf("%s: %+v", env, s)
		}
		if want, ok := sampleDigests[s.Env]; !ok || s.Digest != want {
			t.Errorf("the sample of %s has the digest %s, not %s: is that meant?", env, s.Digest, want)
		}
		if len(s.Deviations()) == 0 && s.Env != "affine_trace" {
			t.Errorf("%s: the sample passes for the network's", env)
		}
	}
	if _, err := Sample("sat"); !errors.Is(err, ErrUnknownEnv) {
		t.Error(err)
	}
}

// TestSampleSplits opens every split of every sample.
func TestSampleSplits(t *testing.T) {
	open := func(env, split string) (*Selection, error) {
		s, err := Sample(env)
		if err != nil {
			t.Fatal(err)
		}
		switch env {
		case "gsm8k":
			return GSM8K(s, split)
		case "math":
			return MATH(s, split, Filter{})
		case "mbpp":
			return MBPP(s, split)
		case "humaneval":
			return HumanEval(s)
		case "triton_kernel":
			return KernelBench(s, split, AllLevels)
		}
		return Trace(s)
	}
	for env, splits := range map[string][]string{
		"gsm8k": {"train", "val", "test"}, "math": {"train", "val", "test"}, "mbpp": {"train", "validation"}, "humaneval": {""},
		"triton_kernel": {"train", "val", "all"}, "affine_trace": {""},
	} {
		for _, split := range splits {
			sel, err := open(env, split)
			if err != nil {
				t.Fatal(err)
			}
			least := 25
			if strings.HasPrefix(split, "val") {
				least = 5
			}
			if sel.Len() < least {
				t.Errorf("%s %s has %d rows", env, split, sel.Len())
			}
			seen := map[string]bool{}
			for i, r := range sel.Rows() {
				b, _ := json.Marshal(r)
				if seen[string(b)] {
					t.Errorf("%s %s has row %d twice", env, split, i)
				}
				seen[string(b)] = true
			}
			if again, _ := open(env, split); again != sel {
				t.Errorf("%s %s is worked out again", env, split)
			}
		}
	}
	subjects := map[string]bool{}
	levels := map[int]bool{}
	s, _ := Sample("math")
	for _, split := range []string{"train", "test"} {
		sel, _ := MATH(s, split, Filter{})
		for _, r := range sel.Rows() {
			subjects[r.Text("type")] = true
			levels[MATHLevel(r.Text("level"))] = true
		}
	}
	if len(subjects) != 7 || len(levels) != 5 {
		t.Errorf("MATH covers %d subjects and %d levels", len(subjects), len(levels))
	}
}

var sum = regexp.MustCompile(`(\d+)([-+*/])(\d+)=<<(\d+)([-+*/])(\d+)=(\d+)>>(\d+)`)

// TestSampleGSM8K works out every calculation once more.
func TestSampleGSM8K(t *testing.T) {
	s, err := Sample("gsm8k")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main/train", "main/test"} {
		rows, _ := s.Table(name)
		for _, r := range rows {
			last := 0
			lines := strings.Split(r.Text("answer"), "\n")
			for _, line := range lines[:len(lines)-1] {
				m := sum.FindStringSubmatch(line)
				if m == nil || m[1] != m[4] || m[2] != m[5] || m[3] != m[6] || m[7] != m[8] {
					t.Fatalf("no calculation in %q", line)
				}
				a, _ := strconv.Atoi(m[1])
				b, _ := strconv.Atoi(m[3])
				last, _ = strconv.Atoi(m[7])
				if got := map[string]int{"+": a + b, "-": a - b, "*": a * b, "/": a / b}[m[2]]; got != last || last <= 0 || m[2] == "/" && a%b != 0 {
					t.Errorf("%q is wrong", line)
				}
			}
			if lines[len(lines)-1] != fmt.Sprint("#### ", last) {
				t.Errorf("%q doesn't end in the last result", r.Text("answer"))
			}
		}
	}
}

// python runs a program on an input, which is given to it as one JSON value, or skips the test.
func python(t *testing.T, interpreter, program string, input any) string {
	t.Helper()
	if interpreter == "" {
		var err error
		if interpreter, err = exec.LookPath("python3"); err != nil {
			t.Skip("no python3: install Python 3 to run the samples")
		}
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, "-c", program)
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestSampleMATH lets Python work out each answer in another way.
func TestSampleMATH(t *testing.T) {
	type item struct {
		Problem, Answer, Check string
	}
	var all []item
	mathSamples(func(_ string, row Row, answer, check string) {
		if !strings.Contains(row.Text("solution"), `\boxed{`+answer+`}`) {
			t.Errorf("no %s in %q", answer, row.Text("solution"))
		}
		all = append(all, item{row.Text("problem"), answer, check})
	})
	out := python(t, "", `
import json, re, sys
from fractions import Fraction
from itertools import combinations, permutations
from math import gcd, isqrt
for item in json.load(sys.stdin):
    answer = re.sub(r"\\pi$", "", item["Answer"])
    answer = Fraction(re.sub(r"^\\frac\{(\d+)\}\{(\d+)\}$", r"\1/\2", answer))
    if answer != eval(item["Check"]):
        print(item)
`, all)
	if out != "" {
		t.Error(out)
	}
}

// TestSamplePrograms runs every reference solution of MBPP and HumanEval on its tests, and every program of rl-python on its input.
func TestSamplePrograms(t *testing.T) {
	var programs, inputs []string
	s, err := Sample("mbpp")
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{"train", "validation"} {
		sel, _ := MBPP(s, split)
		for _, r := range sel.Rows() {
			if len(r.Texts("test_list")) < 3 || !strings.Contains(r.Text("code"), "\ndef ") && !strings.HasPrefix(r.Text("code"), "def ") {
				t.Errorf("%q has too few tests or no function", r.Text("text"))
			}
			for _, test := range r.Texts("test_list") {
				if !strings.HasPrefix(test, "assert ") {
					t.Errorf("%q is no test", test)
				}
				programs, inputs = append(programs, r.Text("code")+"\n\n"+test), append(inputs, "")
			}
		}
	}
	s, _ = Sample("humaneval")
	sel, _ := HumanEval(s)
	for _, r := range sel.Rows() {
		programs = append(programs, r.Text("prompt")+r.Text("canonical_solution")+r.Text("test")+"\ncheck("+r.Text("entry_point")+")")
		inputs = append(inputs, "")
	}
	s, _ = Sample("affine_trace")
	sel, _ = Trace(s)
	for _, r := range sel.Rows() {
		programs, inputs = append(programs, r.Text("program")+"\nassert output()"), append(inputs, r.Text("inputs"))
	}
	out := python(t, "", `
import io, json, sys, traceback
for program, given in zip(*json.load(sys.stdin)):
    sys.stdin, real, sys.stdout = io.StringIO(given), sys.stdout, io.StringIO()
    try:
        exec(program, {"output": sys.stdout.getvalue, "__name__": "x"})
    except BaseException:
        print(program, traceback.format_exc(), file=real)
    sys.stdout = real
`, [][]string{programs, inputs})
	if out != "" {
		t.Error(out)
	}
}

// torchEnv names a Python that has torch.
const torchEnv = "NANTEOS_KERNEL_PYTHON"

// TestSampleKernels runs every module on its inputs.
func TestSampleKernels(t *testing.T) {
	interpreter := os.Getenv(torchEnv)
	if interpreter == "" {
		t.Skipf("set %s to a python3 with torch to run the modules", torchEnv)
	}
	s, err := Sample("triton_kernel")
	if err != nil {
		t.Fatal(err)
	}
	sel, _ := KernelBench(s, "all", AllLevels)
	var modules []string
	for _, r := range sel.Rows() {
		modules = append(modules, r.Text("code"))
	}
	out := python(t, interpreter, `
import json, sys, traceback
import torch
for module in json.load(sys.stdin):
    try:
        names = {}
        exec(module, names)
        with torch.no_grad():
            torch.manual_seed(42)
            out = names["Model"](*names["get_init_inputs"]()).eval()(*names["get_inputs"]())
        assert isinstance(out, torch.Tensor) and torch.isfinite(out).all()
    except BaseException:
        print(module, traceback.format_exc())
`, modules)
	if out != "" {
		t.Error(out)
	}
}
