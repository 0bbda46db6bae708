// Package challenge puts a problem into a question for miners: it lets a language model say it in the words of a persona, and sees to it
// that what comes back is still the same problem.
//
// A validator has a problem and its answer, from package problems or from a task pool. If it sent the problem as it stands, miners would
// recognise it: pools repeat themselves, and eight miners with one text can share one answer. So a model is asked to rephrase it as, say,
// "a data teacher who is feeling puzzled, in a playful tone":
//
//   - Pick and Personas draw personas; RephraseRequest makes the messages, for problems that ask for code others.
//   - A Rewriter sends them to a Completer and takes what comes back.
//   - ReasoningRequest and Rewriter.Reasoning get the reference reasoning that miners' reasonings are compared with. It is made from the
//     raw problem, not from a rewrite.
//
// Models make mistakes, and a question whose 17 became a 71 makes every honest miner wrong. The reference sends whatever came back.
// Here a rewrite is accepted only when Check finds nothing against it:
//
//   - every number is there as often as before, in the same order, none is added (CheckNumbers, which see). A number is compared with
//     its sign and percent sign, exactly; 1,234 may become 1234 and 17 may become seventeen;
//   - formulas keep their operators: 3/4 does not become "3 and 4", nor 29-72 29+72;
//   - it is neither much longer nor empty, and holds no invisible characters;
//   - it gives no answer away;
//   - it is a question and nothing else: no "Sure! Here is the rephrased problem", no role markers, no instructions.
//
// Otherwise the model is asked again, and when it fails for good the raw problem is the question: worth less against sharing, but right.
// Numbers differ from miner to miner only when the problems do, which is the matter of problems.Source.
//
// With Options.Reference everything is as in version 1.6.0 of the Python reference, including its errors. Nothing here reads a clock or
// starts goroutines; randomness and models are passed in. Section numbers in comments are those of the LogicNet specification.
package challenge
