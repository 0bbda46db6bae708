package problems

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// lines returns the generators of straight lines.
func lines() []*Generator {
	points := draws("-max_val", "max_val", "-max_val", "max_val", "-max_val", "max_val", "-max_val", "max_val")
	return []*Generator{
		{ID: 114, Name: "equation_of_line_from_two_points", Topic: "geometry",
			Form:     "What is the equation of the line between points $(%d,%d)$ and $(%d,%d)$ in slope-intercept form?",
			Defect:   "the answer is no slope-intercept form, and lacks a sign or a variable in places",
			Defaults: Params{"max_coordinate": 20, "min_coordinate": -20},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := some(r, 4, p["min_coordinate"], p["max_coordinate"])
				if a[0] == a[2] && a[1] == a[3] {
					return nil
				}
				return a
			},
			Valid:  func(a Args) bool { return within(a, -1e6, 1e6) && (a[0] != a[2] || a[1] != a[3]) },
			Answer: integerLine,
		},
		{ID: 127, Name: "line_equation_from_2_points", Topic: "algebra",
			Form:     "Find the equation of the line passing through the points $(%d,%d)$ and $(%d,%d)$.",
			Defaults: Params{"max_val": 20}, Wide: Params{"max_val": 9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				for range 1000 {
					if a := points(r, p); a[0] != a[2] {
						return a
					}
				}
				return nil
			},
			Valid:  func(a Args) bool { return within(a, -1e6, 1e6) && a[0] != a[2] },
			Answer: lineEquation,
			Check: func(a Args, answer string) bool {
				slope, constant, ok := readLine(Truth(answer))
				on := func(x, y int) bool { // y = n/d x + m/e
					return ok && y*slope[1]*constant[1] == slope[0]*x*constant[1]+constant[0]*slope[1]
				}
				return on(a[0], a[1]) && on(a[2], a[3])
			},
		},
	}
}

// lineEquation writes y = slope x + constant. One of the reference's forms lacks the dollars.
func lineEquation(a Args) string {
	dx, dy := a[2]-a[0], a[3]-a[1]
	n, d := reduce(dy, dx)
	m, e := reduce(a[1]*dx-dy*a[0], dx)
	constant := fmt.Sprintf("%+d", m)
	if e != 1 {
		constant = fmt.Sprintf(`%c\frac{%d}{%d}`, constant[0], max(m, -m), e)
	}
	switch {
	case n == 0:
		return "$y=" + constant + "$"
	case d != 1:
		return fmt.Sprintf(`$y=\frac{%d}{%d}x%s$`, n, d, constant)
	case n == 1:
		return "$y=x" + constant + "$"
	case n == -1:
		return "$y=-x" + constant + "$"
	}
	return fmt.Sprintf("y=%dx%s", n, constant)
}

// readLine reads what lineEquation writes: slope and constant as fractions.
func readLine(s string) (slope, constant [2]int, ok bool) {
	slope = [2]int{0, 1}
	s = strings.TrimPrefix(s, "y=")
	if before, after, found := strings.Cut(s, "x"); found {
		switch before {
		case "", "-":
			before += "1"
		}
		if slope, ok = readFraction(before); !ok {
			return slope, constant, false
		}
		s = after
	}
	constant, ok = readFraction(s)
	return slope, constant, ok
}

func readFraction(s string) ([2]int, bool) {
	sign := 1
	if t, found := strings.CutPrefix(s, "-"); found {
		sign, s = -1, t
	}
	a, ok := ints(s)
	switch {
	case ok && len(a) == 1 && strings.TrimPrefix(s, "+") == strconv.Itoa(a[0]):
		return [2]int{sign * a[0], 1}, true
	case ok && len(a) == 2 && strings.TrimPrefix(s, "+") == fmt.Sprintf(`\frac{%d}{%d}`, a[0], a[1]):
		return [2]int{sign * a[0], a[1]}, true
	}
	return [2]int{}, false
}

// integerLine writes the line with integers before y and x.
func integerLine(a Args) string {
	y, x := a[2]-a[0], a[3]-a[1]
	c := a[3]*y - x*a[2]
	g := gcd(x, y)
	if y < 0 {
		g = -g
	}
	x, y, c = x/g, y/g, c/g
	named := func(n int) string {
		switch n {
		case 1:
			return ""
		case -1:
			return "-"
		}
		return strconv.Itoa(n)
	}
	switch {
	case x == 0:
		return "$" + named(y) + "y = " + strconv.Itoa(c) + "$"
	case y == 0:
		return "$" + named(x) + "x = " + strconv.Itoa(-c) + "$"
	case c > 0:
		return fmt.Sprintf("$%sy = %sx + %d$", named(y), named(x), c)
	}
	return fmt.Sprintf("$%sy = %sx %d$", named(y), named(x), c)
}
