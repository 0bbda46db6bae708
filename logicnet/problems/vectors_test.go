package problems

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

const vectorFile = "logicnet/mathgenerator.json"

type vectorSet struct {
	About            string       `json:"about"`
	Generators       int          `json:"generators"`
	LegacyTopics     int          `json:"legacy_topics"`
	LegacyDuplicates [][]string   `json:"legacy_duplicates"`
	Working          int          `json:"working"`
	PortableYes      int          `json:"portable_yes"`
	PortablePartly   int          `json:"portable_partly"`
	DefectiveAnswers []string     `json:"defective_answers"`
	Cases            []vectorCase `json:"cases"`
}

type vectorCase struct {
	Generator   string         `json:"generator"`
	Subject     string         `json:"subject"`
	Legacy      bool           `json:"in_legacy_topic_list"`
	Parameters  map[string]any `json:"parameters"`
	Works       bool           `json:"works"`
	FailureRate float64        `json:"failure_rate"`
	Errors      map[string]int `json:"errors"`
	Rule        string         `json:"rule"`
	Defective   bool           `json:"answer_defective"`
	Portable    string         `json:"portable"`
	PortNote    string         `json:"port_note"`
	Samples     []vectorSample `json:"samples"`
}

type vectorSample struct {
	Question    string `json:"question"`
	Answer      string `json:"answer"`
	RawQuestion string `json:"legacy_raw_question"`
	GroundTruth string `json:"ground_truth"`
}

// TestVectors holds every generator against the reference's samples. They come without their seeds, so each question is read back to
// its numbers, and question and answer are written anew from these. A question that hides its numbers is searched among draws.
func TestVectors(t *testing.T) {
	var set vectorSet
	vectortest.Decode(t, vectorFile, &set)
	n := 0
	for id, c := range set.Cases {
		if !c.Works || c.Portable != "yes" {
			continue
		}
		i := slices.IndexFunc(Generators(), func(g *Generator) bool { return g.ID == id })
		if i < 0 {
			t.Errorf("generator %d, %s, is missing", id, c.Generator)
			continue
		}
		g := Generators()[i]
		t.Run(c.Generator, func(t *testing.T) {
			if g.Name != c.Generator || g.Topic != c.Subject {
				t.Errorf("id %d is %s of %s, want %s of %s", id, g.Name, g.Topic, c.Generator, c.Subject)
			}
			if c.Defective && g.Defect == "" {
				t.Error("is said to be sound, but its answers are defective")
			}
			if want := integers(c.Parameters); !maps.Equal(g.Defaults, want) {
				t.Errorf("defaults %v, want %v", g.Defaults, want)
			}
			for _, s := range c.Samples {
				holdSample(t, g, s)
			}
		})
		n += len(c.Samples)
	}
	vectortest.Count(t, vectorFile, n)
}

// integers returns the parameters that are integers: units, lists and floats are constants of the generators.
func integers(all map[string]any) Params {
	p := Params{}
	for k, v := range all {
		if f, ok := v.(float64); ok && f == math.Trunc(f) {
			p[k] = int(f)
		}
	}
	return p
}

// holdSample writes the sample again from the numbers that its question shows. Where these do not decide the answer (the order of two
// factors, equations without a single solution, a number that is not shown), the answer's numbers help, or draws are searched.
func holdSample(t *testing.T, g *Generator, s vectorSample) {
	t.Helper()
	a, ok := g.Read(s.Question)
	if _, system := systems[g.Name]; !ok && system {
		a, ok = readSystem(g.Name, s.Question)
		x, _ := ints(s.Answer)
		a = append(a, x...)
	}
	question, answer := "", ""
	if ok {
		question, answer = g.Write(a)
	}
	r := cpython.NewRandFromUint64(1)
	for n := 0; n < 2_000_000 && (question != s.Question || answer != s.Answer); n++ {
		if a := g.Draw(r, g.Defaults); a != nil && g.ask(a) == s.Question {
			question, answer = g.Write(a)
		}
	}
	if question != s.Question || answer != s.Answer {
		t.Errorf("numbers %v:\n got %q -> %q\nwant %q -> %q", a, question, answer, s.Question, s.Answer)
	}
	if got := g.LegacyFrame(s.Question); got != s.RawQuestion {
		t.Errorf("frame %q, want %q", got, s.RawQuestion)
	}
	if got := Truth(s.Answer); got != s.GroundTruth {
		t.Errorf("truth %q, want %q", got, s.GroundTruth)
	}
}

// TestDraws holds every generator to its own word: what it draws is valid, reads back, has an answer that its check confirms, and
// differs from draw to draw.
func TestDraws(t *testing.T) {
	for _, g := range Generators() {
		t.Run(g.Name, func(t *testing.T) {
			for name, p := range map[string]Params{"defaults": g.Defaults, "wide": g.Wide} {
				if p == nil {
					continue
				}
				r := cpython.NewRandFromUint64(uint64(g.ID))
				seen := map[string]bool{}
				drawn, odd := 0, 0
				const draws = 300
				for range draws {
					a := g.Draw(r, p)
					if a == nil {
						continue
					}
					drawn++
					q, answer := g.Write(a)
					seen[q] = true
					if strings.Contains(q, "%!") || strings.Contains(answer, "%!") {
						t.Fatalf("%s: badly written: %q -> %q", name, q, answer)
					}
					readable := true
					if g.Form != "" || g.Parse != nil {
						back, ok := g.Read(q)
						valid := g.Valid == nil || g.Valid(a)
						if ok && valid && !slices.Equal(back, a) && (g.Check == nil || !g.Check(back, answer)) {
							t.Fatalf("%s: %q of %v reads back as %v", name, q, a, back)
						}
						readable = ok
					}
					right := g.Check == nil || g.Check(a, answer)
					if readable && right || g.Defect != "" {
						continue
					}
					odd++ // the reference draws some questions without an answer, or with many
					if name == "wide" {
						t.Fatalf("%q of %v -> %q: readable %v, right %v", q, a, answer, readable, right)
					}
				}
				if odd > draws/5 {
					t.Errorf("%s: %d of %d questions are not readable or answered wrongly", name, odd, drawn)
				}
				if drawn < draws/2 {
					t.Errorf("%s: only %d of %d draws gave a question", name, drawn, draws)
				}
				if name == "wide" && len(seen) < drawn*9/10 {
					t.Errorf("wide: only %d different questions in %d: too few to be secret", len(seen), drawn)
				}
			}
		})
	}
}
