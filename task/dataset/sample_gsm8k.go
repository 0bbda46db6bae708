package dataset

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// story is a template of word problems: it draws its numbers and returns a question with the steps to its answer. Each step names a calculation and what
// it means; the last one's result is the answer.
type story func(d *draw) (question string, steps []step)

// step is a line of an answer: words with one %s, where the calculation stands, as a op b.
type step struct {
	words string
	a     int
	op    byte
	b     int
}

func (s step) result() int {
	switch s.op {
	case '+':
		return s.a + s.b
	case '-':
		return s.a - s.b
	case '*':
		return s.a * s.b
	}
	return s.a / s.b
}

// text is the step with its calculation, in the notation of GSM8K: 3*4=<<3*4=12>>12.
func (s step) text() string {
	sum := fmt.Sprintf("%d%c%d", s.a, s.op, s.b)
	return fmt.Sprintf(s.words, fmt.Sprintf("%s=<<%s=%d>>%d", sum, sum, s.result(), s.result()))
}

// draw draws the parts of problems.
type draw struct{ *cpython.Rand }

func (d draw) of(words ...string) string { return words[d.Below(len(words))] }

func (d draw) name() string {
	return d.of("Ada", "Bela", "Chidi", "Dana", "Emeka", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Leila", "Mirko", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sami", "Tilda")
}

var stories = []story{
	func(d *draw) (string, []step) {
		who, boxes, each, eaten := d.name(), d.RandInt(3, 9), d.RandInt(4, 12), d.RandInt(2, 9)
		return fmt.Sprintf("%s buys %d boxes with %d pears in each of them. On the way home %d pears are eaten. How many pears are left?", who, boxes, each, eaten),
			[]step{{who + " buys %s pears.", boxes, '*', each}, {"After some are eaten there are %s pears.", boxes * each, '-', eaten}}
	},
	func(d *draw) (string, []step) {
		who, pages, days, left := d.name(), d.RandInt(8, 25), d.RandInt(3, 9), d.RandInt(11, 60)
		return fmt.Sprintf("%s reads %d pages of a book every day. After %d days there are still %d pages to read. How many pages does the book have?", who, pages, days, left),
			[]step{{"In that time " + who + " reads %s pages.", pages, '*', days}, {"The book has %s pages.", pages * days, '+', left}}
	},
	func(d *draw) (string, []step) {
		who, price, n, paid := d.name(), d.RandInt(2, 9), d.RandInt(3, 8), 100
		return fmt.Sprintf("A notebook costs $%d. %s buys %d notebooks and pays with a note of $%d. How many dollars of change are there?", price, who, n, paid),
			[]step{{"The notebooks cost $%s.", price, '*', n}, {"The change is $%s.", paid, '-', price * n}}
	},
	func(d *draw) (string, []step) {
		rows, seats, empty := d.RandInt(10, 30), d.RandInt(8, 20), d.RandInt(5, 60)
		return fmt.Sprintf("A theatre has %d rows of %d seats. This evening %d seats stay empty. How many people are watching the play?", rows, seats, empty),
			[]step{{"The theatre has %s seats.", rows, '*', seats}, {"So %s people are watching.", rows * seats, '-', empty}}
	},
	func(d *draw) (string, []step) {
		who, n, k := d.name(), d.RandInt(4, 12), d.RandInt(3, 8)
		return fmt.Sprintf("%s shares %d marbles equally among %d friends and then gives each of them 2 more. How many marbles does each friend have?", who, n*k, k),
			[]step{{"Each friend first gets %s marbles.", n * k, '/', k}, {"With the others that makes %s marbles.", n, '+', 2}}
	},
	func(d *draw) (string, []step) {
		who, wage, hours, rent := d.name(), d.RandInt(12, 30), d.RandInt(20, 40), d.RandInt(80, 200)
		return fmt.Sprintf("%s earns $%d an hour and works %d hours a week. Each week $%d go to the rent. How much is left of a week's pay, in dollars?", who, wage, hours, rent),
			[]step{{"The pay of a week is $%s.", wage, '*', hours}, {"After the rent there are $%s left.", wage * hours, '-', rent}}
	},
	func(d *draw) (string, []step) {
		a, b := d.name(), d.of("a cousin", "a neighbour", "a colleague")
		n, times := d.RandInt(5, 20), d.RandInt(2, 5)
		return fmt.Sprintf("%s has %d stamps and %s has %d times as many. How many stamps do they have together?", a, n, b, times),
			[]step{{"The other one has %s stamps.", n, '*', times}, {"Together they have %s stamps.", n * times, '+', n}}
	},
	func(d *draw) (string, []step) {
		speed, hours, rest := d.RandInt(40, 90), d.RandInt(2, 6), d.RandInt(15, 80)
		return fmt.Sprintf("A train goes at %d km an hour. After %d hours it still has %d km to go. How long is its way in km?", speed, hours, rest),
			[]step{{"It has gone %s km.", speed, '*', hours}, {"The whole way is %s km.", speed * hours, '+', rest}}
	},
	func(d *draw) (string, []step) {
		hens, eggs, days := d.RandInt(4, 12), d.RandInt(5, 7), d.RandInt(2, 5)
		return fmt.Sprintf("Each of %d hens lays %d eggs a week. How many eggs do they all lay in %d weeks?", hens, eggs, days),
			[]step{{"In one week they lay %s eggs.", hens, '*', eggs}, {"In all weeks they lay %s eggs.", hens * eggs, '*', days}}
	},
	func(d *draw) (string, []step) {
		who, have, each, n := d.name(), d.RandInt(5, 30), d.RandInt(3, 9), d.RandInt(4, 10)
		goal := have + each*n
		return fmt.Sprintf("%s wants a bicycle for $%d and has $%d. How many weeks does it take to save the rest at $%d a week?", who, goal, have, each),
			[]step{{"The rest is $%s.", goal, '-', have}, {"That takes %s weeks.", goal - have, '/', each}}
	},
	func(d *draw) (string, []step) {
		adults, kids, pa, pk := d.RandInt(2, 5), d.RandInt(2, 6), d.RandInt(9, 15), d.RandInt(3, 8)
		return fmt.Sprintf("A ticket to the zoo costs $%d for adults and $%d for children. What do %d adults and %d children pay together, in dollars?", pa, pk, adults, kids),
			[]step{{"The adults pay $%s.", adults, '*', pa}, {"The children pay $%s.", kids, '*', pk}, {"Together they pay $%s.", adults * pa, '+', kids * pk}}
	},
	func(d *draw) (string, []step) {
		wide, long, path := d.RandInt(4, 15), d.RandInt(16, 30), d.RandInt(5, 25)
		return fmt.Sprintf("A garden is %d m wide and %d m long. A pond takes %d square metres of it. How many square metres are left to plant?", wide, long, path),
			[]step{{"The garden has %s square metres.", wide, '*', long}, {"Without the pond there are %s square metres.", wide * long, '-', path}}
	},
	func(d *draw) (string, []step) {
		who, half := d.name(), d.RandInt(6, 30)
		given := d.RandInt(1, half-2)
		return fmt.Sprintf("%s bakes %d rolls and sells half of them. Then %d rolls are given away. How many rolls remain?", who, 2*half, given),
			[]step{{"Half of the rolls are %s rolls.", 2 * half, '/', 2}, {"After the gifts %s rolls remain.", half, '-', given}}
	},
	func(d *draw) (string, []step) {
		who, age, older, years := d.name(), d.RandInt(6, 14), d.RandInt(20, 30), d.RandInt(3, 9)
		return fmt.Sprintf("%s is %d years old, and an aunt is %d years older. How old will the aunt be in %d years?", who, age, older, years),
			[]step{{"The aunt is %s years old.", age, '+', older}, {"By then she will be %s years old.", age + older, '+', years}}
	},
	func(d *draw) (string, []step) {
		lorries, crates, kilos := d.RandInt(2, 6), d.RandInt(20, 40), d.RandInt(15, 35)
		return fmt.Sprintf("%d lorries carry %d crates each. Every crate weighs %d kg. How many kg do they carry in all?", lorries, crates, kilos),
			[]step{{"There are %s crates.", lorries, '*', crates}, {"They weigh %s kg.", lorries * crates, '*', kilos}}
	},
}

// Seeds and sizes of what is drawn. Another seed is another set.
const (
	sampleSeedTrain = 101
	sampleSeedTest  = 202
	sampleRows      = 45
)

func sampleGSM8K() (map[string][]Row, error) {
	tables := map[string][]Row{}
	for split, seed := range map[string]uint64{"train": sampleSeedTrain, "test": sampleSeedTest} {
		d := &draw{cpython.NewRandFromUint64(seed)}
		for n := range sampleRows {
			question, steps := stories[n%len(stories)](d)
			var answer strings.Builder
			for _, s := range steps {
				answer.WriteString(s.text() + "\n")
			}
			fmt.Fprintf(&answer, "#### %d", steps[len(steps)-1].result())
			tables["main/"+split] = append(tables["main/"+split], Row{"question": question, "answer": answer.String()})
		}
	}
	return tables, nil
}
