package chat

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

const (
	maxTime  = 5 * time.Second // a rendering takes tens of microseconds
	maxSteps = 1 << 18         // statements executed and pieces written
	maxSize  = 1 << 20         // bytes and elements of a variable, or bytes of output, beside four times the conversation
	maxRange = 100_000         // as in Jinja's sandbox
	maxTag   = 1024            // tokens between {{ and }}: the depth of the expression tree
	maxDepth = 64              // nesting of values
)

// budgetKey can't be written in a template.
const budgetKey = " budget"

// budget counts what one rendering uses up. The first failure stays, since gonja turns errors into text.
type budget struct {
	until   time.Time
	steps   int
	size    int
	failure error
}

func (b *budget) fail(err error) error {
	if b.failure == nil {
		b.failure = err
	}
	return b.failure
}

func (b *budget) step() error {
	if b.failure != nil {
		return b.failure
	}
	if b.steps--; b.steps < 0 {
		return b.fail(fmt.Errorf("more than %d steps: %w", maxSteps, ErrLimit))
	}
	if b.steps%64 == 0 && time.Now().After(b.until) {
		return b.fail(fmt.Errorf("more than %v: %w", maxTime, ErrLimit))
	}
	return nil
}

// fits checks the size of a value, counting shared parts as often as they would be printed.
func (b *budget) fits(v any) error {
	left := b.size
	if !measure(reflect.ValueOf(v), &left, maxDepth) {
		return b.fail(fmt.Errorf("a value of more than %d bytes or %d levels: %w", b.size, maxDepth, ErrLimit))
	}
	return nil
}

var valueType = reflect.TypeFor[exec.Value]()

func measure(v reflect.Value, left *int, depth int) bool {
	for v.IsValid() && (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) {
		v = v.Elem()
	}
	if *left--; *left < 0 || depth == 0 {
		return false
	}
	if !v.IsValid() {
		return true
	}
	if v.Type() == valueType {
		val := v.Interface().(exec.Value)
		return measure(val.Val, left, depth)
	}
	switch v.Kind() {
	case reflect.String:
		*left -= v.Len()
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if !measure(v.Index(i), left, depth-1) {
				return false
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if !measure(it.Key(), left, depth-1) || !measure(it.Value(), left, depth-1) {
				return false
			}
		}
	case reflect.Struct:
		if d, ok := v.Interface().(exec.Dict); ok {
			for _, p := range d.Pairs {
				if !measure(reflect.ValueOf(p.Key), left, depth-1) || !measure(reflect.ValueOf(p.Value), left, depth-1) {
					return false
				}
			}
		}
	}
	return *left >= 0
}

func budgetOf(c *exec.Context) *budget {
	v, _ := c.Get(budgetKey)
	b, ok := v.(*budget)
	if !ok {
		panic("rendering without a budget")
	}
	return b
}

// output collects text within the budget.
type output struct {
	text   strings.Builder
	budget *budget
}

func (o *output) Write(p []byte) (int, error) { return o.WriteString(string(p)) }

func (o *output) WriteString(s string) (int, error) {
	if err := o.budget.step(); err != nil {
		return 0, err
	}
	if o.text.Len()+len(s) > o.budget.size {
		return 0, o.budget.fail(fmt.Errorf("more than %d bytes of text: %w", o.budget.size, ErrLimit))
	}
	return o.text.WriteString(s)
}

// guarded is a statement that counts its executions.
type guarded struct{ exec.ControlStructure }

func (g guarded) Execute(r *exec.Renderer, tag *nodes.ControlStructureBlock) error {
	if err := budgetOf(r.Environment.Context).step(); err != nil {
		return err
	}
	return g.ControlStructure.Execute(r, tag)
}

func guard(parse parser.ControlStructureParser) parser.ControlStructureParser {
	return func(p, args *parser.Parser) (nodes.ControlStructure, error) {
		c, err := parse(p, args)
		if err != nil {
			return nil, err
		}
		e, ok := c.(exec.ControlStructure)
		if !ok {
			return nil, fmt.Errorf("statement %T can't be executed", c)
		}
		return guarded{e}, nil
	}
}

// inspect walks the tokens of a template before it is parsed: the parser descends as deep as an expression is long, and
// an operator that multiplies strings can't be stopped while it runs.
func inspect(text string, cfg *config.Config) error {
	s := tokens.LexAll(text, cfg)
	inTag := 0
	var prev tokens.Type
	for !s.EOF() {
		tok := s.Next()
		switch tok.Type {
		case tokens.Error:
			return fmt.Errorf("line %d: %s: %w", tok.Line, brief(fmt.Errorf("%s", tok.Val)), ErrTemplate)
		case tokens.VariableBegin, tokens.BlockBegin:
			inTag = 0
		case tokens.Multiply, tokens.Power:
			return fmt.Errorf("line %d: operator %s: %w", tok.Line, tok.Val, ErrUnsupported)
		case tokens.Name:
			if prev == tokens.Pipe && !filters.Exists(tok.Val) {
				return fmt.Errorf("line %d: filter %s: %w", tok.Line, tok.Val, ErrUnsupported)
			}
			if prev == tokens.BlockBegin && leftOut[tok.Val] {
				return fmt.Errorf("line %d: statement %s: %w", tok.Line, tok.Val, ErrUnsupported)
			}
			if tok.Val == "recursive" {
				return fmt.Errorf("line %d: recursive loop: %w", tok.Line, ErrUnsupported)
			}
		}
		if inTag++; inTag > maxTag {
			return fmt.Errorf("line %d: more than %d tokens in one tag: %w", tok.Line, maxTag, ErrUnsupported)
		}
		prev = tok.Type
		if s.IsError() {
			return fmt.Errorf("line %d: %s: %w", s.Current().Line, brief(fmt.Errorf("%s", s.Current().Val)), ErrTemplate)
		}
	}
	return nil
}
