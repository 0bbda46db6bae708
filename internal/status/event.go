// Package status is where every part of nanteos says what it does: one stream of typed events that logs, metrics, JSON lines, plain
// lines and the live view are all made from.
//
// A part is given a Sink and emits an Event at every turn that a person might ask about: a window begins, a phase changes, a group is
// done, a file is uploaded, a verdict is given, weights are set, something fails. Nothing else is logged by the roles, so the views can
// never disagree. The kinds and the JSON names of the fields are a contract: programs read them from `--json`.
package status

import "time"

// Kind says what an event is about. The set is closed; new kinds are added here.
type Kind string

const (
	// Start is emitted once by every node when it is ready: Node, Role, Hotkey, UID; in a devnet Text says what kind of node it is.
	Start Kind = "start"
	// Block is a new chain head: Block, Window.
	Block Kind = "block"
	// Phase is a role's change of phase within a window: Node, Window, Phase.
	Phase Kind = "phase"
	// Checkpoint is a model that was loaded: Node, Window (of the checkpoint), Text (its name), Duration.
	Checkpoint Kind = "checkpoint"
	// Group is a finished group of rollouts: Node, Window, Group, Rollouts, Reward (mean), Tokens, Duration.
	Group Kind = "group"
	// Dropped is a group that is not uploaded: Node, Window, Group, Check, Reason, Hint.
	Dropped Kind = "dropped"
	// Upload is a window file that reached the store: Node, Window, Rollouts, Bytes, Duration, File.
	Upload Kind = "upload"
	// Skipped is a window that a role gave up: Node, Window, Reason, Hint.
	Skipped Kind = "skipped"
	// Verdict is a validator's judgement of one miner's window: Node (the validator), Hotkey, UID, Window, Accepted, Rollouts (in the file),
	// Checked, Valid, Unique, and for a refusal Check, Row, Measured, Limit, Reason, Hint.
	Verdict Kind = "verdict"
	// Weights is a vector set on chain: Node, Window, Block, Weights.
	Weights Kind = "weights"
	// Fault is an error that did not end the node: Node, Window, Reason, Hint.
	Fault Kind = "fault"
	// Answered is a question that a LogicNet miner answered or didn't: Node, Hotkey (of the validator), Accepted (whether it answered), Check (how:
	// exact, model, derived; or why not: busy, late, failed, refused), Text (the task), Seconds, Reason.
	Answered Kind = "answered"
	// Graded is an answer that a LogicNet validator graded: Node, Hotkey and UID (of the miner), Reward, Measured (correctness), Check (how it
	// was decided), Text (the task), Seconds (of the miner), Reason. Reward is nil for an answer that stays unscored.
	Graded Kind = "graded"
	// Trained is a window whose rollouts a trainer learnt from: Node, Window (of the rollouts), Rollouts, Valid (groups), Reward (mean of the
	// rollouts), Tokens, Seconds; Report has the loss and its parts.
	Trained Kind = "trained"
	// Published is a checkpoint that reached the trainer's bucket: Node, Window (its label), Text (FULL or DELTA), Bytes, Seconds, Measured (the part of
	// the weights that changed), Reason (why it is FULL where a patch was due).
	Published Kind = "published"
	// Exposed is a devnet that lets others take part: File is the description of the network that they need, Text the chain's address.
	Exposed Kind = "exposed"
	// Summary closes a run: Text and, in Report, the figures of the command that ran.
	Summary Kind = "summary"
	// Stop is emitted once by every node when it has ended: Node, Reason when not clean.
	Stop Kind = "stop"
)

// Event is one thing that happened. Which fields are set depends on the Kind; the others are zero and left out of the JSON.
type Event struct {
	// Time is when it happened, by the emitter's clock.
	Time time.Time `json:"time"`
	Kind Kind      `json:"event"`
	// Node is the name of the emitting node, such as "miner-1" or "validator-1".
	Node string `json:"node,omitempty"`
	// Role is "miner", "validator" or "trainer".
	Role string `json:"role,omitempty"`
	// Hotkey is the SS58 address that the event is about: the emitter's own, in a Verdict the miner's.
	Hotkey string `json:"hotkey,omitempty"`
	// UID is the neuron's number on the subnet, nil when unknown.
	UID *int `json:"uid,omitempty"`
	// Window is the window's first block.
	Window int64  `json:"window"`
	Block  int64  `json:"block,omitempty"`
	Phase  string `json:"phase,omitempty"`
	// Group is the problem index of a group.
	Group *int64 `json:"group,omitempty"`
	// Row is the row of a window file, from 0.
	Row *int `json:"row,omitempty"`
	// Rollouts, Checked, Valid and Unique count rows.
	Rollouts int `json:"rollouts,omitempty"`
	Checked  int `json:"checked,omitempty"`
	Valid    int `json:"valid,omitempty"`
	Unique   int `json:"unique,omitempty"`
	// Accepted is set in a Verdict.
	Accepted *bool `json:"accepted,omitempty"`
	// Check is the first check that failed, by its protocol name, such as "proof_valid" or "copycat".
	Check string `json:"check,omitempty"`
	// Measured and Limit are the failed check's figures.
	Measured *float64 `json:"measured,omitempty"`
	Limit    *float64 `json:"limit,omitempty"`
	// Reason says what went wrong, Hint what to do next.
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Reward is the mean reward of a group or of a miner's checked rows.
	Reward *float64 `json:"reward,omitempty"`
	Tokens int      `json:"tokens,omitempty"`
	Bytes  int64    `json:"bytes,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds,omitempty"`
	// File is a path or an object key.
	File string `json:"file,omitempty"`
	Text string `json:"text,omitempty"`
	// Weights maps UIDs to the weights that were set, summing to 1.
	Weights map[int]float64 `json:"weights,omitempty"`
	// Report is what a Summary adds, a plain value that encodes to JSON.
	Report any `json:"report,omitempty"`
}

// Sink takes events. Emit must not block for long and must be safe for several goroutines.
type Sink interface{ Emit(Event) }

// Discard is a Sink that drops everything.
var Discard Sink = discard{}

type discard struct{}

func (discard) Emit(Event) {}
