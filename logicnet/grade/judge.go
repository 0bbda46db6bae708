package grade

import (
	"bytes"
	"context"
	"crypto/subtle"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

//go:embed texts/judge.txt
var judgeText string

// errNoJudge means that no judge is configured.
var errNoJudge = errors.New("no judge is configured")

// ErrVerdict means that a judge's reply is not a verdict.
var ErrVerdict = errors.New("invalid verdict")

// Verdict is what a judge says.
type Verdict string

// The verdicts.
const (
	SaysCorrect   Verdict = "correct"
	SaysIncorrect Verdict = "incorrect"
	SaysUnsure    Verdict = "unsure"
)

// verdictSchema is the form of a reply. The canary is not in it: an endpoint that is held to a schema must still have read it.
var verdictSchema = json.RawMessage(`{"type":"object","properties":{"verdict":{"type":"string","enum":["correct","incorrect","unsure"]},` +
	`"canary":{"type":"string"}},"required":["verdict","canary"],"additionalProperties":false}`)

// maxVerdict is how many bytes a verdict has at most.
const maxVerdict = 400

// ParseVerdict reads a judge's reply: one JSON object with the members verdict and canary, each once and no others, and nothing else but
// white space. The canary must be the given one. The error wraps ErrVerdict.
func ParseVerdict(reply, canary string) (Verdict, error) {
	if len(reply) > maxVerdict {
		return "", fmt.Errorf("%w: %d bytes", ErrVerdict, len(reply))
	}
	d := json.NewDecoder(strings.NewReader(reply))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", fmt.Errorf("%w: no JSON object", ErrVerdict)
	}
	members := map[string]string{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("%w: broken JSON", ErrVerdict)
		}
		value, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("%w: broken JSON", ErrVerdict)
		}
		k, ok1 := key.(string)
		v, ok2 := value.(string)
		if _, twice := members[k]; !ok1 || !ok2 || twice || k != "verdict" && k != "canary" {
			return "", fmt.Errorf("%w: unknown, repeated or wrong member", ErrVerdict)
		}
		members[k] = v
	}
	if _, err := d.Token(); err != nil {
		return "", fmt.Errorf("%w: broken JSON", ErrVerdict)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%w: text after the object", ErrVerdict)
	}
	if canary == "" || subtle.ConstantTimeCompare([]byte(members["canary"]), []byte(canary)) != 1 {
		return "", fmt.Errorf("%w: canary missing", ErrVerdict)
	}
	switch v := Verdict(members["verdict"]); v {
	case SaysCorrect, SaysIncorrect, SaysUnsure:
		return v, nil
	}
	return "", fmt.Errorf("%w: no such verdict", ErrVerdict)
}

// ballot is what a judge's vote is worth after its controls.
type ballot int

const (
	// lost is a vote that could not be had: the judge is out of reach, or broken.
	lost ballot = iota
	// right is "correct" from a judge that calls the answer incorrect where it must be.
	right
	// wrong is "incorrect".
	wrong
	// undecided is "unsure".
	undecided
	// misled is a vote by a judge that is well but for this answer.
	misled
)

// judge asks the judges for two votes. Both must be right for a score of 1. A vote that is wrong settles it; so does one that the answer
// has misled. Where fewer than two votes can be had, the answer is unscored.
func (g *Grader) judge(ctx context.Context, t Task, answer string) Result {
	calls := 0
	result := func(r Result) Result {
		r.Method, r.Calls = ByJudge, calls
		return r
	}
	judges := g.o.Judges
	switch len(judges) {
	case 0:
		return result(Result{Outcome: Unscored, Reason: errNoJudge.Error()})
	case 1:
		judges = []Completer{judges[0], judges[0]}
	}
	votes := map[ballot]int{}
	for i, j := range judges {
		b := g.ballot(ctx, session{judge: j, turn: i, calls: &calls}, t, answer)
		switch b {
		case wrong:
			return result(Result{Outcome: Incorrect, Reason: "judged incorrect"})
		case misled:
			return result(Result{Outcome: Incorrect, Reason: "the answer misled a judge", Suspect: true})
		}
		votes[b]++
		if votes[right]+votes[undecided] == 2 {
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case votes[right] == 2:
		return result(Result{Outcome: Correct, Score: 1, Reason: "two votes"})
	case votes[undecided] == 2:
		return result(Result{Outcome: Incorrect, Reason: "judges unsure"})
	case votes[undecided] == 1 && votes[right] == 1:
		return result(Result{Outcome: Unscored, Reason: "judges differ"})
	}
	return result(Result{Outcome: Unscored, Reason: "fewer than two votes"})
}

// session is one judge in one grading.
type session struct {
	judge Completer
	turn  int
	calls *int
}

// ballot asks for one vote and holds it against controls.
func (g *Grader) ballot(ctx context.Context, s session, t Task, answer string) ballot {
	v, err := g.vote(ctx, s, Vote, t, answer)
	if errors.Is(err, ErrVerdict) {
		return g.blame(ctx, s, t)
	}
	if err != nil {
		// An answer may be made to be refused, by a provider's moderation for instance, which would spare it its score.
		if g.blame(ctx, s, t) != misled {
			return lost
		}
		if v, err = g.vote(ctx, s, Vote, t, answer); err != nil {
			return misled
		}
	}
	if v == SaysIncorrect {
		return wrong
	}
	control, err := g.control(t, answer)
	if err != nil {
		return lost
	}
	switch c, err := g.vote(ctx, s, Control, control, answer); {
	case err != nil && !errors.Is(err, ErrVerdict):
		return lost
	case err != nil || c != SaysIncorrect:
		return g.blame(ctx, s, t)
	case v == SaysUnsure:
		return undecided
	}
	return right
}

// blame says whose fault a bad vote is: the answer's when the judge finds a plain wrong answer wrong, otherwise the judge's.
func (g *Grader) blame(ctx context.Context, s session, t Task) ballot {
	control, err := g.control(t, t.Truth)
	if err != nil {
		return lost
	}
	if v, err := g.vote(ctx, s, Control, t, control.Truth); err == nil && v == SaysIncorrect {
		return misled
	}
	return lost
}

// vote asks for one verdict, again where the judge fails. The error wraps ErrVerdict when the last reply was none.
func (g *Grader) vote(ctx context.Context, s session, p Purpose, t Task, answer string) (Verdict, error) {
	var last error
	for range g.o.Retries + 1 {
		if err := ctx.Err(); err != nil {
			return "", fmt.Errorf("couldn't ask judge: %w", err)
		}
		r, canary, err := g.request(p, s.turn, t, answer)
		if err != nil {
			return "", err
		}
		*s.calls++
		reply, err := s.judge.Complete(ctx, r)
		if err != nil {
			last = fmt.Errorf("couldn't ask judge: %w", err)
			continue
		}
		v, err := ParseVerdict(reply, canary)
		if err == nil {
			return v, nil
		}
		last = err
	}
	return "", last
}

// request writes the messages of a vote: instructions with a random canary, and the data as JSON between random delimiters. The order of
// the members depends on the turn, so that two votes of one model are not one vote copied.
func (g *Grader) request(p Purpose, turn int, t Task, answer string) (Request, string, error) {
	var random [32]byte
	if _, err := io.ReadFull(g.o.Rand, random[:]); err != nil {
		return Request{}, "", fmt.Errorf("couldn't draw canary: %w", err)
	}
	canary, delimiter := hex.EncodeToString(random[:12]), "data-"+hex.EncodeToString(random[16:])
	var data any = struct {
		Question string `json:"question"`
		Truth    string `json:"truth"`
		Answer   string `json:"answer"`
	}{t.Question, t.Truth, answer}
	if turn%2 == 1 {
		data = struct {
			Answer   string `json:"answer"`
			Truth    string `json:"truth"`
			Question string `json:"question"`
		}{answer, t.Truth, t.Question}
	}
	var b bytes.Buffer
	b.WriteString(delimiter + "\n")
	if err := json.NewEncoder(&b).Encode(data); err != nil { // escapes <, > and &, ends with a line feed
		return Request{}, "", fmt.Errorf("couldn't encode data: %w", err)
	}
	b.WriteString(delimiter)
	system := strings.NewReplacer("{delimiter}", delimiter, "{canary}", canary).Replace(judgeText)
	return Request{
		Purpose:   p,
		Messages:  []Message{{System, system}, {User, b.String()}},
		MaxTokens: 100,
		Schema:    verdictSchema,
	}, canary, nil
}

// control returns another question and truth, drawn at random, that answer does not fit.
func (g *Grader) control(t Task, answer string) (Task, error) {
	var random [8]byte
	if _, err := io.ReadFull(g.o.Rand, random[:]); err != nil {
		return Task{}, fmt.Errorf("couldn't draw control: %w", err)
	}
	draw := binary.LittleEndian.Uint64(random[:])
	c := newComparer(nil)
	answers, truths := c.reader.readings(answer), c.reader.readings(t.Truth)
	for _, all := range [][]Task{g.o.Controls, controls} {
		for i := range uint64(len(all)) {
			other := all[(draw%uint64(len(all))+i)%uint64(len(all))]
			text := canonical(other.Truth)
			if text == "" || other.Question == t.Question || text == canonical(t.Truth) || text == canonical(answer) {
				continue
			}
			known := c.reader.readings(other.Truth)
			if c.readings(known, answers) == yes || c.readings(known, truths) == yes {
				continue
			}
			return other, nil
		}
	}
	return Task{}, errors.New("couldn't find a control: all have the truth at hand")
}

// controls are questions whose truths fit no answer to other questions.
var controls = []Task{
	{Question: "Which chemical element has the symbol Pb?", Truth: "lead"},
	{Question: "What is the product of 317 and 211?", Truth: "66887"},
	{Question: "Which of the letters q, z and k comes last in the English alphabet?", Truth: "the letter z"},
	{Question: "A box holds only green marbles and one is drawn. What colour has it?", Truth: "green"},
	{Question: "Simplify 35/91.", Truth: "5/13"},
	{Question: "What is the derivative of 4x^7 with respect to x?", Truth: "28x^6"},
	{Question: "How many faces does an icosahedron have?", Truth: "20 faces"},
	{Question: "What is the remainder when 4096 is divided by 1001?", Truth: "92"},
	{Question: "Which planet is nearest to the sun?", Truth: "Mercury"},
	{Question: "Ann is older than Bea, and Bea is older than Cleo. Who is the youngest?", Truth: "Cleo"},
	{Question: "What is the name of a polygon with nine sides?", Truth: "nonagon"},
	{Question: "If all bloops are razzies and Tim is a bloop, what is Tim?", Truth: "a razzie"},
}
