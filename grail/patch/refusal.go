package patch

import "fmt"

// Rule names what a refused patch breaks.
type Rule string

// The rules of a patch.
const (
	RuleFrame   Rule = "frame"   // exactly one zstd frame that states its content size and has nothing behind it
	RuleSize    Rule = "size"    // the content is no larger than the caller allows
	RuleHeader  Rule = "header"  // the header lies in the payload and is the JSON object that section 9 describes
	RuleVersion Rule = "version" // the version is the one of the format in the metadata
	RuleMember  Rule = "member"  // every member that the version needs is there and of its type
	RuleName    Rule = "name"    // names are text, not empty, and come once
	RuleShape   Rule = "shape"   // shapes have one to sixteen dimensions and a product that fits
	RuleDType   Rule = "dtype"   // kinds of numbers are known
	RuleBlocks  Rule = "blocks"  // blocks lie inside the payload, hold whole numbers and don't overlap
	RuleCount   Rule = "count"   // as many rows, columns and values as num_nonzero says
	RuleRange   Rule = "range"   // positions lie inside the shape
	RuleOrder   Rule = "order"   // positions ascend strictly
	RuleValue   Rule = "value"   // values that change their kind on the way keep their number
	RuleUnknown Rule = "tensor"  // the base has the tensor, with this shape and kind
	RuleDense   Rule = "density" // the patch is no larger than the caller allows
	RulePython  Rule = "python"  // the reference raises an exception here, too
	RuleInt32   Rule = "int32"   // numbers of a block fit in 32 bits
)

// Refusal says which rule a patch breaks at which tensor. It wraps one of the sentinel errors.
type Refusal struct {
	Tensor string // empty: the patch as a whole
	Rule   Rule
	Detail string
	kind   error
}

// Error gives tensor, rule and detail.
func (r *Refusal) Error() string {
	if r.Tensor == "" {
		return fmt.Sprintf("%s: %s (rule %s)", r.kind, r.Detail, r.Rule)
	}
	return fmt.Sprintf("%s: tensor %q: %s (rule %s)", r.kind, r.Tensor, r.Detail, r.Rule)
}

// Unwrap gives ErrPatch, ErrMismatch or ErrFull.
func (r *Refusal) Unwrap() error { return r.kind }

func refuse(tensor string, rule Rule, format string, args ...any) error {
	return &Refusal{Tensor: tensor, Rule: rule, Detail: fmt.Sprintf(format, args...), kind: ErrPatch}
}

func mismatch(tensor string, format string, args ...any) error {
	return &Refusal{Tensor: tensor, Rule: RuleUnknown, Detail: fmt.Sprintf(format, args...), kind: ErrMismatch}
}
