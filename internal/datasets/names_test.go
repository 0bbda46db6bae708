package datasets

import (
	"errors"
	"testing"

	"github.com/nanteos/nanteos/task/dataset"
)

func TestPartOf(t *testing.T) {
	for _, c := range []struct {
		env, name     string
		strict, loose string // tables, empty for none
	}{
		{"gsm8k", "main/train-00000-of-00001.parquet", "main/train", "main/train"},
		{"gsm8k", "socratic/train-00000-of-00001.parquet", "", "main/train"},
		{"gsm8k", "main/test/0000.parquet", "main/test", "main/test"},
		{"gsm8k", "train.jsonl", "", "main/train"},
		{"gsm8k", "grade_school_math/data/test.jsonl", "", "main/test"},
		{"gsm8k", "test_socratic.jsonl", "", ""},
		{"gsm8k", "gsm8k-train.json.gz", "", "main/train"},
		{"gsm8k", "mytrain.jsonl", "", ""},
		{"gsm8k", "README.md", "", ""},
		{"gsm8k", "main/partial-train/0000.parquet", "", ""},
		{"math", "algebra/train-00000-of-00001.parquet", "algebra/train", "algebra/train"},
		{"math", "intermediate_algebra/test-00000-of-00001-0123456789abcdef.parquet", "intermediate_algebra/test", "intermediate_algebra/test"},
		{"math", "prealgebra/train/0000.parquet", "prealgebra/train", "prealgebra/train"},
		{"math", "data/intermediate_algebra-train.jsonl", "intermediate_algebra/train", "intermediate_algebra/train"},
		{"math", "train.jsonl", "", ""},
		{"mbpp", "full/validation-00000-of-00001.parquet", "full/validation", "full/validation"},
		{"mbpp", "sanitized/validation-00000-of-00001.parquet", "", "full/validation"},
		{"mbpp", "full/prompt-00000-of-00001.parquet", "", ""},
		{"humaneval", "openai_humaneval/test-00000-of-00001.parquet", "openai_humaneval/test", "openai_humaneval/test"},
		{"humaneval", "HumanEval.jsonl.gz", "", ""},
		{"triton_kernel", "data/level_1-00000-of-00001.parquet", "default/level_1", "default/level_1"},
		{"triton_kernel", "default/level_4/0000.parquet", "default/level_4", "default/level_4"},
		{"triton_kernel", "data/level_10-00000-of-00001.parquet", "", ""},
		{"affine_trace", "data/train-00003-of-00010.parquet", "default/train", "default/train"},
		{"affine_trace", "TRAIN.JSONL", "default/train", "default/train"},
	} {
		spec, err := dataset.SpecOf(c.env)
		if err != nil {
			t.Fatal(err)
		}
		for strict, want := range map[bool]string{true: c.strict, false: c.loose} {
			p, ok := partOf(spec, c.name, strict)
			if ok != (want != "") || ok && p.table != want {
				t.Errorf("%s %s (strict %v): %q %v, want %q", c.env, c.name, strict, p.table, ok, want)
			}
		}
	}
}

func TestGather(t *testing.T) {
	spec, _ := dataset.SpecOf("gsm8k")
	for _, c := range []struct {
		name    string
		files   []string
		order   []string
		missing int
		err     error
	}{
		{"in order", []string{"main/train-00001-of-00002.parquet", "main/train-00000-of-00002.parquet", "main/test-00000-of-00001.parquet"},
			[]string{"main/train-00000-of-00002.parquet", "main/train-00001-of-00002.parquet", "main/test-00000-of-00001.parquet"}, 0, nil},
		{"Parquet first", []string{"main/train.jsonl", "main/train/0000.parquet", "main/test.jsonl"}, []string{"main/train/0000.parquet", "main/test.jsonl"}, 0, nil},
		{"none", []string{"README.md"}, nil, 2, nil},
		{"a shard is missing", []string{"main/train-00000-of-00002.parquet"}, nil, 0, ErrIncomplete},
		{"first missing", []string{"main/train/0001.parquet"}, nil, 0, ErrIncomplete},
		{"two wholes", []string{"main/train-00000-of-00001.parquet", "main/train-00000-of-00002.parquet"}, nil, 0, ErrIncomplete},
		{"twice", []string{"main/train.jsonl", "main/train.json"}, nil, 0, ErrIncomplete},
	} {
		parts, missing, err := gather(spec, c.files, true)
		if !errors.Is(err, c.err) || len(missing) != c.missing {
			t.Errorf("%s: missing %q, %v", c.name, missing, err)
			continue
		}
		for i, p := range parts {
			if p.name != c.order[i] {
				t.Errorf("%s: %+v", c.name, parts)
				break
			}
		}
	}
}
