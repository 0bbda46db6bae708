package environments

// Needs says what an environment needs of a machine beyond arithmetic.
type Needs struct {
	// Dataset says that its problems are rows of a dataset.
	Dataset bool `json:"dataset,omitempty"`
	// Python says that foreign programs are run or compiled, in the sandbox.
	Python bool `json:"python,omitempty"`
	// Sympy says that what the program can't decide by itself is left to sympy, under the reference's rules.
	Sympy bool `json:"sympy,omitempty"`
	// GPU says that answers can be run on a GPU; where they aren't, their rewards are capped.
	GPU bool `json:"gpu,omitempty"`
}

// needs are those of the environments that need anything.
var needs = map[string]Needs{
	"gsm8k":         {Dataset: true},
	"math":          {Dataset: true, Sympy: true},
	"mbpp":          {Dataset: true, Python: true},
	"python_code":   {Dataset: true, Python: true},
	"humaneval":     {Dataset: true, Python: true},
	"triton_kernel": {Dataset: true, Python: true, GPU: true},
	"affine_trace":  {Dataset: true, Python: true},
}

// NeedsOf returns what an environment needs.
func NeedsOf(id string) Needs { return needs[id] }
