// Package grader runs foreign Python: a pool of fork servers, each in a sandbox of its own, that give every job a process of its own.
//
// A server (python/grader.py) has all imports warm and forks for each job, so a job costs a few milliseconds instead of an interpreter's start.
// The process of a job has no descriptor but the pipe for its result, limits on memory and processor time, and a filter of system calls that leaves it
// nothing but computing; the sandbox around it has neither network nor the host's files. What comes back is bounded and decoded strictly: it
// was written by a process that ran foreign code (python/code.py says what a forged verdict would take).
//
// # Which Python
//
// The reference runs CPython 3.12, and verdicts follow the interpreter. Every vector of python_code.json (276 executions, 286 texts that are compiled)
// was run on each version:
//
//	3.12.1   none differs, error texts included
//	3.13.0   2 executions: a timeout that lands in `try: while True: pass` is caught by `except Exception` (3.12 doesn't look there);
//	         4 texts: 5,000 signs or 10,000 attributes in a row compile (3.12's compiler gives up)
//	3.11.7   3 executions, 13 texts: the grammar of 3.12 is a syntax error (f"{d["k"]}", type X = int, def f[T]());
//	         sum() of floats is made to compensate as 3.12's does; one error text
//	3.10.13  5 executions, 13 texts: as 3.11 and 3.13 together, and except* is a syntax error          refused
//	3.9.18   7 executions, 34 texts: no match statement; yield and await pass in annotations             refused
//	3.8.18   7 executions, 48 texts: deep nesting fails                                                 refused
//
// So 3.12 is taken where it is, 3.13 and 3.11 after it, with these differences; older and newer ones are refused. Patch levels differ too: before
// 3.11.4 and 3.12.0 NUL bytes in a source text are another error (evened out), and error texts change, which no verdict depends on.
// Differences has the same for people. Under hardened rules the timeouts of 3.13 are 3.12's: there no program outlives its time by catching an exception.
//
// Strings hash with a fixed seed: sets of strings have one order, here and on every other machine. In the reference it changes from process to process,
// and programs that depend on it get one verdict now and another then.
package grader
