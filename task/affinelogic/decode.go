package affinelogic

import (
	"errors"
	"fmt"
	"slices"
)

// Family is a kind of puzzle. Its number times idRange is where its task ids begin.
type Family uint8

// The families by their task type ids. ReverseDyck has two ranges of ids and so twice the seeds.
const (
	Dyck Family = iota
	GameOf24
	Operation
	Cryptarithm
	ReverseDyck
	reverseDyckMore
	Boolean
	Sudoku
	ReasoningErrors
	families // how many type ids there are
)

// idRange is how many task ids a type id has.
const idRange = 100_000_000

// ErrTaskID says that a task id names no family.
var ErrTaskID = errors.New("task id has no puzzle")

// familyNames are the reference's task types.
var familyNames = [families]string{
	"dyck_language", "game_of_24", "operation", "cryptarithm", "dyck_language2", "dyck_language2", "boolean_expressions", "sudoku",
	"dyck_language_reasoning_errors",
}

// Families returns all families, by type id.
func Families() []Family {
	return []Family{Dyck, GameOf24, Operation, Cryptarithm, ReverseDyck, Boolean, Sudoku, ReasoningErrors}
}

// ParseFamily finds a family by the reference's name of its task type. Errors wrap ErrTaskID.
func ParseFamily(name string) (Family, error) {
	if i := slices.Index(familyNames[:], name); i >= 0 {
		return Family(i), nil
	}
	return 0, fmt.Errorf("couldn't find puzzle family %.40q: %w", name, ErrTaskID)
}

// String returns the reference's task type, such as "dyck_language".
func (f Family) String() string {
	if f < families {
		return familyNames[f]
	}
	return fmt.Sprintf("family %d", uint8(f))
}

// Decode splits a task id into a family and the seed of its generator. Ids below 0 or from 9·10^8 on wrap ErrTaskID.
func Decode(taskID int64) (Family, uint32, error) {
	f, seed := taskID/idRange, taskID%idRange
	if taskID < 0 || f >= int64(families) {
		return 0, 0, fmt.Errorf("couldn't read task id %d: %w: ids go from 0 to %d", taskID, ErrTaskID, int64(families)*idRange-1)
	}
	if Family(f) == reverseDyckMore {
		return ReverseDyck, uint32(seed) + idRange, nil
	}
	return Family(f), uint32(seed), nil
}

// TaskID returns the task id that hardened rules make of a network's seed: the seed itself where it is a task id, else what is left of it when it is
// divided by the number of task ids.
func TaskID(seed uint32) int64 { return int64(seed) % (int64(families) * idRange) }
