// Package jinja renders the Jinja templates that Hugging Face models carry, with Python's results to the byte.
//
// It interprets the part of Jinja that chat templates use, under the settings of transformers: trim_blocks and
// lstrip_blocks on, autoescape off, undefined names empty, the immutable sandbox. Values follow Python: a string is a
// sequence of code points, 1 == True, None prints as None, adding a number to a string is an error.
// What is left out (imports, template inheritance, string formatting and rare filters) is refused with an error that
// names it, at [Parse] where the text shows it; nothing is rendered approximately.
//
// Templates are foreign code. They reach no file, clock or Go value, and every evaluation and every byte made is paid for from a budget
// ([Options]), so that a rendering ends, and ends alike on every machine. Macros may recurse only to a fixed depth.
package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that a caller decides by.
var (
	// ErrSyntax marks a text that isn't a Jinja template.
	ErrSyntax = errors.New("not a valid template")
	// ErrUnsupported marks a template that needs what this package leaves out.
	ErrUnsupported = errors.New("not supported in templates")
	// ErrRuntime marks a failure that Python would have too, such as adding a number to a string.
	ErrRuntime = errors.New("template failed")
	// ErrRaised marks a call of raise_exception by the template.
	ErrRaised = errors.New("raised by the template")
	// ErrLimit marks a rendering that exceeds its budget.
	ErrLimit = errors.New("template exceeds its limits")
)

const (
	maxText  = 256 << 10 // bytes of a template; the largest in use have 30 kB
	maxNest  = 150       // nesting of expressions and statements
	maxCalls = 40        // nesting of macro calls
	maxPrint = 60        // nesting of values that are printed or compared
	// defaultBudget is in evaluations and bytes; a usual rendering spends a few thousand.
	defaultBudget = 16 << 20
	maxRange      = 100_000 // as in Jinja's sandbox
)

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct{ body []node }

// Parse reads a template. The error wraps ErrSyntax or ErrUnsupported and says the line.
func Parse(text string) (t *Template, err error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("template of %d bytes, more than %d: %w", len(text), maxText, ErrUnsupported)
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			t, err = nil, f.err
		}
	}()
	p := &parser{tokens: lex(text)}
	return &Template{p.statements()}, nil
}

// Options bound a rendering.
type Options struct {
	// Budget is the number of evaluations and of bytes and elements made, beside sixteen times the size of the variables; 0 means 16 Mi.
	Budget int
}

// Render gives the text that the template makes of the variables. Their values are what [FromGo] takes.
func (t *Template) Render(vars map[string]any, opts Options) (text string, err error) {
	r := &run{left: opts.Budget}
	if r.left == 0 {
		r.left = defaultBudget
	}
	defer func() {
		if e := recover(); e != nil {
			f, ok := e.(failure)
			if !ok {
				panic(e)
			}
			text, err = "", f.err
		}
	}()
	top := &scope{vars: make(map[string]any, len(vars)+8)}
	for name, v := range globals {
		top.vars[name] = v
	}
	size := 0
	for name, v := range vars {
		top.vars[name] = fromGo(v, &size, 0)
	}
	r.left += 16 * size
	var out strings.Builder
	r.exec(t.body, &scope{vars: map[string]any{}, up: top}, &out)
	return out.String(), nil
}

// failure carries an error up to Parse or Render.
type failure struct{ err error }

func fail(kind error, format string, args ...any) {
	panic(failure{fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), kind)})
}

// run is one rendering.
type run struct {
	left   int // budget
	calls  int // nesting of macros
	broken loopExit
}

func (r *run) spend(n int) {
	if r.left -= n; r.left < 0 || n < 0 {
		fail(ErrLimit, "budget of evaluations and bytes is used up")
	}
}

// made pays for a string.
func (r *run) made(s string) string {
	r.spend(len(s))
	return s
}

// scope is a frame of variables. A loop's body, a macro and a block set have their own; an if has not.
type scope struct {
	vars map[string]any
	up   *scope
}

func (s *scope) get(name string) any {
	for ; s != nil; s = s.up {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return undefined{name}
}

func (s *scope) inner() *scope { return &scope{vars: map[string]any{}, up: s} }
