package affinelogic

import (
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/task"
)

// Verifier judges the text of an answer, as it stands between the answer tags. Foreign text of any length takes time linear in it. quirks
// reproduces the reference's defects.
type Verifier interface {
	Verify(answer string, quirks bool) bool
}

// Puzzle is one puzzle with its verifier. It is immutable.
type Puzzle struct {
	Family   Family
	Seed     uint32 // of the family's generator
	Question string
	Answer   string         // what the generator takes for the answer; game_of_24 has none
	Metadata map[string]any // facts about the puzzle under the reference's names, the solution among them

	verifier Verifier
	solution string
}

// Verify says whether an answer is right.
func (p *Puzzle) Verify(answer string, quirks bool) bool { return p.verifier.Verify(answer, quirks) }

// Solution returns an answer that Verify accepts, for tests and oracle miners.
func (p *Puzzle) Solution() string { return p.solution }

// Generate makes the puzzle of a family and a seed. With quirks it is the reference's, byte for byte; errors then wrap task.ErrNoTool for the families that only
// the reference's package can make. Without, the three families that aren't the reference's are our own.
func Generate(f Family, seed uint32, quirks bool) (*Puzzle, error) {
	var p *Puzzle
	var err error
	switch f {
	case Dyck:
		p, err = dyck(seed, quirks)
	case ReverseDyck:
		p, err = reverseDyck(seed, quirks)
	case ReasoningErrors:
		p = reasoning(seed)
	case GameOf24:
		p = game(seed, quirks)
	case Sudoku:
		p = sudoku(seed)
	case Operation, Cryptarithm, Boolean:
		if quirks {
			return nil, fmt.Errorf("couldn't make %s puzzle %d: %w: its generator is that of the Python package affinetes, which is no part of this program; "+
				"hardened rules have one of their own", f, seed, task.ErrNoTool)
		}
		p = own(f, seed)
	default:
		return nil, fmt.Errorf("couldn't make a puzzle of %s: %w", f, ErrTaskID)
	}
	if err != nil {
		return nil, err
	}
	p.Family, p.Seed = f, seed
	return p, nil
}

// own makes a puzzle of the families whose generators are not the reference's.
func own(f Family, seed uint32) *Puzzle {
	switch f {
	case Operation:
		return operation(seed)
	case Cryptarithm:
		return cryptarithm(seed)
	default:
		return boolean(seed)
	}
}

// ErrUnsolved says that a generator found no sequence of the lengths that it drew. Under hardened rules it draws others.
var ErrUnsolved = errors.New("seed has no puzzle")

func unsolved(f Family, seed uint32) error {
	return fmt.Errorf("couldn't make %s puzzle %d: %w: no attempt has the drawn length", f, seed, ErrUnsolved)
}
