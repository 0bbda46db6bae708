package challenge_test

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/challenge"
)

// A model that first makes a mistake: its first rewrite is refused, its second one is what the miner is asked.
func ExampleRewriter() {
	said := []string{"Oh, what do 17 and 52 make together?", "Oh, what do 17 and 25 make together?"}
	model := challenge.CompleterFunc(func(_ context.Context, r challenge.Request) (string, error) {
		reply := said[0]
		said = said[1:]
		return reply, nil
	})
	rewriter, err := challenge.NewRewriter(challenge.Options{Model: model})
	if err != nil {
		fmt.Println(err)
		return
	}
	task := challenge.Task{Question: "$17+25=$", Answer: "42"}
	random := logicnet.NewRand([32]byte{42})
	for _, persona := range challenge.Personas(random, 1) { // one for each miner of a batch
		rewrite, _ := rewriter.Rewrite(context.Background(), task, persona)
		fmt.Println(rewrite.Question)
		fmt.Println(rewrite.Raw, rewrite.Attempts, rewrite.Err)
	}
	// Output:
	// Oh, what do 17 and 25 make together?
	// false 2 the rewrite puts another problem: number 2 is 52 instead of 25
}

func ExampleCheckNumbers() {
	const problem = `What is $\frac{3}{4}$ of $1,200$?`
	for _, rewrite := range []string{
		"I have 1200 apples... no: what is three quarters of 1200?",
		"How much is 3/4 of 1200?",
		"How much is three quarters of twelve hundred?",
		"How much are 3 and 4 of 1200?",
		"How much is 3/4 of 120?",
	} {
		fmt.Println(challenge.CheckNumbers(problem, rewrite))
	}
	// Output:
	// the rewrite puts another problem: number 1 is 1200 instead of 3
	// <nil>
	// <nil>
	// the rewrite puts another problem: between 3 and 4: an operator came or went
	// the rewrite puts another problem: number 3 is 120 instead of 1200
}
