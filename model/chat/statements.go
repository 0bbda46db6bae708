package chat

import (
	"errors"
	"fmt"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// leftOut are the statements of Jinja that could recurse or read other templates, or that no chat template has a use for.
var leftOut = map[string]bool{
	"macro": true, "call": true, "block": true, "extends": true, "include": true, "import": true, "from": true,
	"filter": true, "autoescape": true, "with": true, "do": true, "trans": true,
}

// statements gives the control structures: those of gonja that are safe, counted, and our own set and generation.
func statements() *exec.ControlStructureSet {
	m := map[string]parser.ControlStructureParser{"set": guard(parseSet), "generation": guard(parseGeneration)}
	for _, name := range []string{"for", "if", "raw", "break", "continue"} {
		p, ok := builtins.ControlStructures.Get(name)
		if !ok {
			panic("gonja has no statement " + name)
		}
		m[name] = guard(p)
	}
	return exec.NewControlStructureSet(m)
}

// generation marks the assistant's text for training masks; it renders as its body.
type generation struct {
	at   *tokens.Token
	body *nodes.Wrapper
}

func (g *generation) Position() *tokens.Token { return g.at }
func (g *generation) String() string          { return "generation" }
func (g *generation) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	return r.ExecuteWrapper(g.body)
}

func parseGeneration(p, args *parser.Parser) (nodes.ControlStructure, error) {
	g := &generation{at: p.Current()}
	if !args.End() {
		return nil, args.Error("generation takes no arguments", args.Current())
	}
	var err error
	g.body, _, err = p.WrapUntil("endgeneration")
	return g, err
}

// set is {% set x = value %}, {% set namespace.x = value %} and {% set x %}text{% endset %}. Every value that a template keeps passes
// here, so here its size is bounded.
type set struct {
	at     *tokens.Token
	target nodes.Expression
	value  nodes.Expression
	// whenTrue and otherwise belong to {% set x = value if whenTrue else otherwise %}.
	whenTrue, otherwise nodes.Expression
	body                *nodes.Wrapper
}

func (s *set) Position() *tokens.Token { return s.at }
func (s *set) String() string          { return "set" }

func parseSet(p, args *parser.Parser) (nodes.ControlStructure, error) {
	s := &set{at: p.Current()}
	var err error
	if s.target, err = args.ParseVariableOrLiteral(); err != nil {
		return nil, err
	}
	switch s.target.(type) {
	case *nodes.Name, *nodes.GetAttribute:
	default:
		return nil, args.Error("set needs a name or an attribute of a namespace", args.Current())
	}
	if args.Match(tokens.Assign) == nil {
		if !args.End() {
			return nil, args.Error("set needs = or the end of the tag", args.Current())
		}
		s.body, _, err = p.WrapUntil("endset")
		return s, err
	}
	if s.value, err = args.ParseExpression(); err != nil {
		return nil, err
	}
	if s.whenTrue, s.otherwise, err = args.ParseCondition(); err != nil {
		return nil, err
	}
	if !args.End() {
		return nil, args.Error("set goes on behind its value", args.Current())
	}
	return s, nil
}

// evaluate gives the value to be kept.
func (s *set) evaluate(r *exec.Renderer, b *budget) (*exec.Value, error) {
	if s.body != nil {
		sub := r.Inherit()
		out := &output{budget: b}
		sub.Output = out
		err := sub.ExecuteWrapper(s.body)
		return exec.AsValue(out.text.String()), err
	}
	if s.whenTrue == nil {
		return r.Eval(s.value), nil
	}
	c := r.Eval(s.whenTrue)
	switch {
	case c.IsError():
		return c, nil
	case c.IsTrue():
		return r.Eval(s.value), nil
	case s.otherwise != nil:
		return r.Eval(s.otherwise), nil
	}
	return exec.AsValue(nil), nil
}

func (s *set) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	b := budgetOf(r.Environment.Context)
	value, err := s.evaluate(r, b)
	if err != nil {
		return err
	}
	if value.IsError() {
		return value
	}
	keep := value.Interface()
	if err := b.fits(keep); err != nil {
		return err
	}
	if n, ok := s.target.(*nodes.Name); ok {
		r.Environment.Context.Set(n.Name.Val, keep)
		return nil
	}
	n := s.target.(*nodes.GetAttribute)
	target := r.Eval(n.Node)
	if target.IsError() {
		return target
	}
	ns, ok := target.Interface().(namespace)
	if !ok || n.Attribute == "" {
		return errors.New("set of an attribute of something that isn't a namespace")
	}
	if _, again := keep.(namespace); again {
		return b.fail(fmt.Errorf("namespace within a namespace: %w", ErrUnsupported))
	}
	ns[n.Attribute] = keep
	return b.fits(ns)
}
