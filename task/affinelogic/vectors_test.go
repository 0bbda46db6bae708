package affinelogic

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/affine"
)

const vectorFile = "environments/affine.json"

type definitionVector struct {
	Conditions []struct {
		Condition, Operation string
	}
	Associativity    string
	Precedence       int
	DefaultOperation string `json:"default_operation"`
}

type vectors struct {
	Meta   json.RawMessage
	Decode []struct {
		TaskID   int64  `json:"task_id"`
		TaskType string `json:"task_type"`
		Seed     uint32
		Error    string
	}
	LogicTasks []struct {
		TaskType string `json:"task_type"`
		Seed     uint32
		TaskID   int64 `json:"task_id"`
		Question string
		Answer   string
		Metadata json.RawMessage
	} `json:"logic_tasks"`
	LogicVerify []struct {
		TaskType   string `json:"task_type"`
		Seed       uint32
		GameAnswer string `json:"game_answer"`
		AnswerText string `json:"answer_text"`
		OK         bool
	} `json:"logic_verify"`
	Failing struct {
		Scanned [2]uint32
		Seeds   []uint32
	} `json:"dyck_language_failing_seeds"`
	Cryptarithm []struct {
		Seed        uint32
		Answer      string
		LetterWords []string `json:"letter_words"`
		Operators   []string
		Language    string
		Checks      [][2]any
	}
	TraceInject json.RawMessage `json:"trace_inject"` // these four: package affinetrace
	TraceClean  json.RawMessage `json:"trace_clean"`
	TracePrompt json.RawMessage `json:"trace_prompt"`
	TraceTrials json.RawMessage `json:"trace_trials"`
	LogicTrials []struct {
		Mode, Label string
		GroundTruth struct {
			TaskType string                   `json:"task_type"`
			GameData *struct{ Answer string } `json:"game_data"`
		} `json:"ground_truth"`
		Completion string
		Reward     float64
		Components map[string]float64
		Success    bool
	} `json:"logic_trials"`
}

func load(t *testing.T) *vectors {
	t.Helper()
	v := new(vectors)
	vectortest.Decode(t, vectorFile, v)
	return v
}

func family(t *testing.T, name string) Family {
	t.Helper()
	f, err := ParseFamily(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestVectorsDecode(t *testing.T) {
	v := load(t)
	for _, c := range v.Decode {
		f, seed, err := Decode(c.TaskID)
		if c.Error != "" {
			if err == nil {
				t.Errorf("task id %d: got %s %d, want an error", c.TaskID, f, seed)
			}
			continue
		}
		if err != nil || f.String() != c.TaskType || seed != c.Seed {
			t.Errorf("task id %d: got %s %d, %v, want %s %d", c.TaskID, f, seed, err, c.TaskType, c.Seed)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Decode))
}

// sameJSON says whether a Go value is the JSON when it is written.
func sameJSON(t *testing.T, got any, want json.RawMessage) bool {
	t.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(g, w)
}

func TestVectorsTasks(t *testing.T) {
	v := load(t)
	for _, c := range v.LogicTasks {
		f, seed, err := Decode(c.TaskID)
		if err != nil || f != family(t, c.TaskType) || seed != c.Seed {
			t.Fatalf("task id %d: got %s %d, %v", c.TaskID, f, seed, err)
		}
		if f == Operation {
			testOperationVector(t, c.Seed, c.Question, c.Answer, c.Metadata)
			continue
		}
		p, err := Generate(f, seed, true)
		if err != nil {
			t.Errorf("%s %d: %v", f, seed, err)
			continue
		}
		if p.Question != c.Question {
			t.Errorf("%s %d: got question %q, want %q", f, seed, p.Question, c.Question)
		}
		if p.Answer != c.Answer {
			t.Errorf("%s %d: got answer %q, want %q", f, seed, p.Answer, c.Answer)
		}
		if !sameJSON(t, p.Metadata, c.Metadata) {
			t.Errorf("%s %d: got metadata %v, want %s", f, seed, p.Metadata, c.Metadata)
		}
		if !p.Verify(p.Solution(), true) {
			t.Errorf("%s %d: own solution %q doesn't verify", f, seed, p.Solution())
		}
	}
	vectortest.Count(t, vectorFile, len(v.LogicTasks))
}

// testOperationVector holds the wording of operation puzzles and their values against one that the reference made; its generator isn't ours.
func testOperationVector(t *testing.T, seed uint32, question, answer string, metadata json.RawMessage) {
	t.Helper()
	var m struct {
		Expression  string
		Language    string
		Definitions json.RawMessage `json:"symbol_definitions"`
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		t.Fatal(err)
	}
	var definitions []Definition
	d := json.NewDecoder(strings.NewReader(string(m.Definitions)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() { // an object in the order of the text
		symbol, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var one definitionVector
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		def := Definition{Symbol: symbol.(string), Default: one.DefaultOperation, Precedence: one.Precedence}
		if len(one.Conditions) > 0 {
			def.Condition, def.Conditional = one.Conditions[0].Condition, one.Conditions[0].Operation
		}
		definitions = append(definitions, def)
	}
	if got := operationQuestion(m.Expression, definitions, m.Language == "chinese"); got != question {
		t.Errorf("operation %d: got question %q, want %q", seed, got, question)
	}
	v := OperationVerifier{answer}
	if !v.Verify(`\boxed{`+answer+`}`, true) || !v.Verify(`\boxed{`+answer+`}`, false) {
		t.Errorf("operation %d: answer %s doesn't verify", seed, answer)
	}
	if strings.Contains(string(m.Definitions), "abs(") {
		return // the reference doesn't look at conditions where an absolute value is an operand
	}
	n, err := evaluateOperation(m.Expression, definitions)
	if err != nil {
		t.Errorf("operation %d: %s: %v", seed, m.Expression, err)
		return
	}
	got, err := n.double()
	want, ok := guessNumber(answer)
	if err != nil || !ok || got-want > 1e-6 || want-got > 1e-6 {
		t.Errorf("operation %d: %s: got %v, want %s", seed, m.Expression, got, answer)
	}
}

func TestVectorsVerify(t *testing.T) {
	v := load(t)
	for _, c := range v.LogicVerify {
		var verifier Verifier
		switch f := family(t, c.TaskType); f {
		case Operation:
			verifier = OperationVerifier{c.GameAnswer}
		case Boolean:
			verifier = BooleanVerifier{c.GameAnswer}
		default:
			p, err := Generate(f, c.Seed, true)
			if err != nil {
				t.Fatal(err)
			}
			if p.Answer != c.GameAnswer {
				t.Errorf("%s %d: got answer %q, want %q", f, c.Seed, p.Answer, c.GameAnswer)
			}
			verifier = p.verifier
		}
		if got := verifier.Verify(c.AnswerText, true); got != c.OK {
			t.Errorf("%s %d: %q: got %v, want %v", c.TaskType, c.Seed, c.AnswerText, got, c.OK)
		}
	}
	vectortest.Count(t, vectorFile, len(v.LogicVerify))
}

func TestVectorsFailingSeeds(t *testing.T) {
	v := load(t)
	n := 0
	for seed := v.Failing.Scanned[0]; seed < v.Failing.Scanned[1]; seed++ {
		_, err := Generate(Dyck, seed, true)
		if failed := slices.Contains(v.Failing.Seeds, seed); failed != (err != nil) {
			t.Errorf("dyck_language %d: got %v, want failure %v", seed, err, failed)
		}
		n++
	}
	vectortest.Count(t, vectorFile, n)
}

func TestVectorsCryptarithm(t *testing.T) {
	v := load(t)
	n := 0
	for _, c := range v.Cryptarithm {
		verifier := CryptarithmVerifier{c.LetterWords, c.Operators}
		if !verifier.Verify(c.Answer, true) {
			t.Errorf("cryptarithm %d: %s doesn't verify", c.Seed, c.Answer)
		}
		for _, check := range c.Checks {
			if got := verifier.Verify(check[0].(string), true); got != check[1].(bool) {
				t.Errorf("cryptarithm %d: %q: got %v, want %v", c.Seed, check[0], got, check[1])
			}
			n++
		}
	}
	vectortest.Count(t, vectorFile, n)
}

// TestVectorsTrials holds the reward around verifiers against that of the reference with a stand-in for the verifier: the trimmed answer equals game_data.answer.
func TestVectorsTrials(t *testing.T) {
	v := load(t)
	for i, c := range v.LogicTrials {
		mode, err := task.ParseMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		truth := c.GroundTruth
		g := affine.Grade(c.Completion, mode.Tags(), true, func(answer string) bool {
			return truth.TaskType == "fake" && truth.GameData != nil && strings.TrimSpace(answer) == truth.GameData.Answer
		})
		components := map[string]float64{}
		for _, part := range g.Components {
			components[part.Name] = part.Value
		}
		if g.Reward != c.Reward || g.Success != c.Success || !maps.Equal(components, c.Components) {
			t.Errorf("trial %d (%s) %q %+v: got %+v, want %v, %v, %v", i, c.Label, c.Completion, truth, g, c.Reward, c.Success, c.Components)
		}
	}
	vectortest.Count(t, vectorFile, len(v.LogicTrials))
}

// TestTexts holds all wordings, symbols and conditions against those of the vectors.
func TestTexts(t *testing.T) {
	var all map[string]json.RawMessage
	vectortest.Decode(t, "environments/prompts.json", &all)
	var v struct {
		Dyck struct {
			Parts [2]string `json:"prompt_parts"`
		} `json:"dyck_language"`
		Reverse struct {
			Variants []struct {
				Name  string
				Parts [2]string `json:"prompt_parts"`
			}
		} `json:"dyck_language2"`
		Brackets  [][2]string
		Reasoning struct{ Variants [][3]string } `json:"dyck_language_reasoning_errors"`
		Game      struct {
			Chinese     []string          `json:"zh_templates"`
			English     []string          `json:"en_templates"`
			Instruction map[string]string `json:"answer_instruction"`
			Separator   string
		} `json:"game_of_24"`
		Sudoku struct {
			English [3][2]string `json:"en_parts"`
			Chinese [3][2]string `json:"zh_parts"`
		}
		Operation struct {
			Symbols    []string
			Conditions []string          `json:"conditions_zh"`
			English    map[string]string `json:"condition_en"`
		}
	}
	if err := json.Unmarshal(all["affine_logic"], &v); err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	check("dyck", dyckText, v.Dyck.Parts)
	for i, r := range v.Reverse.Variants {
		check("dyck2", reverseTexts[i].name, r.Name)
		check("dyck2", reverseTexts[i].parts, r.Parts)
	}
	check("dyck2", len(reverseTexts), len(v.Reverse.Variants))
	for i, b := range v.Brackets {
		check("bracket", [2]string{string(openers[i]), string(closers[i])}, b)
	}
	check("brackets", len(openers), len(v.Brackets))
	check("reasoning", reasoningTexts[:], v.Reasoning.Variants)
	check("game", gameTexts[:], slices.Concat(v.Game.Chinese, v.Game.English))
	check("game", gameInstructions, v.Game.Instruction)
	check("sudoku", sudokuTexts, map[string][3][2]string{"en": v.Sudoku.English, "zh": v.Sudoku.Chinese})
	check("symbols", operationSymbols[:], v.Operation.Symbols)
	check("conditions", len(conditions), len(v.Operation.Conditions))
	for i, c := range v.Operation.Conditions {
		check("condition", conditions[i].chinese, c)
		check("condition", conditions[i].english, v.Operation.English[c])
	}
}
