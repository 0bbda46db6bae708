package triton

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

// Parsed is what the parser makes of a completion.
type Parsed struct {
	Code        string // the preferred answer, stripped; empty where compiling it broke the compiler
	HasThinking bool
	HasSolution bool
	Trailing    int  // code points after the answer
	SyntaxValid bool // Code is not empty and compiles
	Structure   Structure
}

// Structure is what a search for patterns finds in the code, be it valid or not.
type Structure struct{ ModelNew, TritonJIT, TritonImport, TorchImport bool }

// StructureValid says that the code compiles and has all four.
func (p Parsed) StructureValid() bool {
	return p.SyntaxValid && p.Structure == Structure{true, true, true, true}
}

// Signals hint at code that tries to look better than it is. They don't count.
type Signals struct{ ForwardCallsTriton, TryExcept, PassOnly, FunctionalInForward bool }

// pattern compiles a pattern of the reference for Go, whose \s is ASCII's: white space is Python's here.
func pattern(p string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(p, `\s`, `[\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]`))
}

var (
	modelNew     = pattern(`class\s+ModelNew\s*\(`)
	tritonImport = pattern(`(?:import|from)\s+triton`)
	torchImport  = pattern(`(?:import|from)\s+torch`)

	forwardTriton     = pattern(`(?s)def\s+forward\s*\(.*?\).*?(?:triton_|_kernel|_launch)`)
	tryExcept         = pattern(`(?s)try\s*:.*?except`)
	passOnly          = pattern(`(?m)class\s+ModelNew.*?:\s*\n\s+pass\s*$`)
	functionalForward = pattern(`(?s)def\s+forward\s*\(.*?\).*?(?:torch\.nn\.functional|F\.)`)
)

// FindStructure searches code for the four parts of a kernel.
func FindStructure(code string) Structure {
	return Structure{
		ModelNew:     modelNew.MatchString(code),
		TritonJIT:    strings.Contains(code, "@triton.jit"),
		TritonImport: tritonImport.MatchString(code),
		TorchImport:  torchImport.MatchString(code),
	}
}

// FindSignals searches code that isn't empty for hints of tricks.
func FindSignals(code string) Signals {
	return Signals{
		ForwardCallsTriton:  forwardTriton.MatchString(code),
		TryExcept:           tryExcept.MatchString(code),
		PassOnly:            passOnly.MatchString(code),
		FunctionalInForward: functionalForward.MatchString(code),
	}
}

// Parse reads a completion. Python compiles its code, in a sandbox; without an answer it isn't asked. Errors are Python's: no verdict, unless the code
// itself ended the interpreter, which counts as one that breaks the compiler.
func Parse(ctx context.Context, py task.Python, completion string, tags task.Tags) (Parsed, error) {
	r := answer.Scan(completion, tags)
	p := Parsed{Code: cpython.Strip(r.Content), HasThinking: r.HasThinking, HasSolution: r.HasAnswer, Trailing: r.Trailing}
	if p.Code == "" {
		return p, nil
	}
	check, err := compile(ctx, py, p.Code)
	if err != nil {
		return Parsed{}, err
	}
	if !check.OK && !check.SyntaxError {
		p.Code, p.Trailing = "", 0
		return p, nil
	}
	p.SyntaxValid = check.OK
	p.Structure = FindStructure(p.Code)
	return p, nil
}

// checked is the result of the operation check.
type checked struct {
	OK          bool    `json:"ok"`
	SyntaxError bool    `json:"syntax_error"`
	Error       *string `json:"error"`
}

func compile(ctx context.Context, py task.Python, code string) (checked, error) {
	var out checked
	err := py.Do(ctx, "check", map[string]string{"code": code}, &out)
	switch {
	case err == nil:
		return out, nil
	case blamesCode(err):
		return checked{}, nil
	}
	return out, fmt.Errorf("couldn't compile the answer: %w", err)
}
