package affinelogic

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Grid is a sudoku grid, row by row; 0 is an empty cell.
type Grid [9][9]byte

// String writes nine lines of nine digits, with a point for an empty cell.
func (g Grid) String() string {
	var b strings.Builder
	for i, row := range g {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, d := range row {
			if d == 0 {
				b.WriteByte('.')
			} else {
				b.WriteByte('0' + d)
			}
		}
	}
	return b.String()
}

// Solved says whether every row, column and box has the digits 1 to 9.
func (g Grid) Solved() bool {
	const all = 1<<10 - 2
	for i := range 9 {
		row, column, box := 0, 0, 0
		for j := range 9 {
			row |= 1 << g[i][j]
			column |= 1 << g[j][i]
			box |= 1 << g[i/3*3+j/3][i%3*3+j%3]
		}
		if row != all || column != all || box != all {
			return false
		}
	}
	return true
}

// fits says whether a digit is in none of the row, the column and the box of a cell.
func (g *Grid) fits(row, column int, digit byte) bool {
	for i := range 9 {
		if g[row][i] == digit || g[i][column] == digit || g[row/3*3+i/3][column/3*3+i%3] == digit {
			return false
		}
	}
	return true
}

// digits returns 1 to 9 in drawn order.
func digits(r *cpython.Rand) [9]byte {
	d := [9]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}
	r.Shuffle(9, func(i, j int) { d[i], d[j] = d[j], d[i] })
	return d
}

// fill completes a grid from its first empty cell on, trying digits in drawn order.
func (g *Grid) fill(r *cpython.Rand, from int) bool {
	for ; from < 81; from++ {
		if g[from/9][from%9] == 0 {
			break
		}
	}
	if from == 81 {
		return true
	}
	row, column := from/9, from%9
	for _, d := range digits(r) {
		if g.fits(row, column, d) {
			g[row][column] = d
			if g.fill(r, from+1) {
				return true
			}
			g[row][column] = 0
		}
	}
	return false
}

// SudokuVerifier judges answers to sudoku. Puzzles may have several solutions; each of them is right.
type SudokuVerifier struct{ Puzzle Grid }

// sudoku makes a sudoku puzzle with 22 to 45 given cells.
func sudoku(seed uint32) *Puzzle {
	r := cpython.NewRandFromUint64(uint64(seed))
	difficulty, given := "hard", 0
	switch roll := r.Float64(); {
	case roll < 0.3:
		difficulty, given = "easy", r.RandInt(36, 45)
	case roll < 0.7:
		difficulty, given = "medium", r.RandInt(28, 35)
	default:
		given = r.RandInt(22, 27)
	}
	variant := r.RandInt(0, 5) % 3

	r = cpython.NewRandFromUint64(uint64(seed))
	var solution Grid
	for box := range 3 {
		for i, d := range digits(r) {
			solution[3*box+i/3][3*box+i%3] = d
		}
	}
	solution.fill(r, 0)
	puzzle := solution
	var cells [81]int
	for i := range cells {
		cells[i] = i
	}
	r.Shuffle(81, func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
	for _, c := range cells[:81-given] {
		puzzle[c/9][c%9] = 0
	}
	language := "zh"
	if r.Float64() < 0.5 {
		language = "en"
	}
	text := sudokuTexts[language][variant]
	return &Puzzle{
		Question: text[0] + puzzle.String() + text[1],
		Answer:   solution.String(),
		Metadata: map[string]any{
			"seed": seed, "given_count": given, "difficulty": difficulty, "language": language,
			"solution": solution.String(), "puzzle": puzzle.String(),
		},
		verifier: SudokuVerifier{puzzle},
		solution: solution.String(),
	}
}

var reBlock = regexp.MustCompile("(?s)```(.*?)```")

// Verify says whether an answer has a solution of the puzzle: the first nine lines that hold nine digits 1 to 9 each, whatever else is on them, or else
// the last block between triple backticks. quirks makes no difference.
func (v SudokuVerifier) Verify(answer string, _ bool) bool {
	g, ok := readGrid(findGrid(answer))
	if !ok || !g.Solved() {
		return false
	}
	for i, row := range v.Puzzle {
		for j, d := range row {
			if d != 0 && d != g[i][j] {
				return false
			}
		}
	}
	return true
}

// findGrid returns the part of an answer that has the grid.
func findGrid(answer string) string {
	text := cpython.Strip(answer)
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		found := strings.Map(func(r rune) rune {
			if r < '1' || r > '9' {
				return -1
			}
			return r
		}, line)
		if len(found) == 9 {
			if lines = append(lines, found); len(lines) == 9 {
				return strings.Join(lines, "\n")
			}
		}
	}
	blocks := reBlock.FindAllStringSubmatch(answer, -1)
	if blocks == nil {
		return text
	}
	block := cpython.Strip(blocks[len(blocks)-1][1])
	if first, rest, ok := strings.Cut(block, "\n"); ok && !strings.ContainsAny(first, "123456789") {
		return rest // the first line names a language
	}
	return block
}

// readGrid reads nine lines of nine digits or points each; lines with another number of them don't count. Digits may be of any script; superscripts and
// their like, at which the reference raises, are refused.
func readGrid(text string) (g Grid, ok bool) {
	n := 0
	for line := range strings.SplitSeq(cpython.Strip(text), "\n") {
		var row [9]byte
		width := 0
		for _, r := range line {
			var d byte
			switch {
			case r == '.':
			case r >= '0' && r <= '9':
				d = byte(r - '0')
			case unicode.Is(unicode.Nd, r):
				value, err := cpython.ParseInt(string(r))
				if err != nil {
					return g, false
				}
				d = byte(value.Int64())
			case unicode.Is(unicode.No, r):
				return g, false
			default:
				continue
			}
			if width < 9 {
				row[width] = d
			}
			width++
		}
		if width == 9 {
			if n == 9 {
				return g, false
			}
			g[n] = row
			n++
		}
	}
	return g, n == 9
}
