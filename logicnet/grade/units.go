package grade

import (
	"math/big"
	"strings"
)

// unit is what a number counts.
type unit struct {
	// dimension says which units can be converted into each other; a word of the question is a dimension of its own.
	dimension string
	// factor is the size in the dimension's base unit.
	factor *big.Rat
}

// units are the units of the grammar by their names, singular or abbreviated.
var units = func() map[string]unit {
	m := map[string]unit{}
	put := func(dimension, factor string, names ...string) {
		f, ok := new(big.Rat).SetString(factor)
		if !ok {
			panic(factor) // part of the program
		}
		for _, n := range names {
			m[n] = unit{dimension, f}
		}
	}
	for dimension, suffixes := range map[string][2]string{"length": {"", ""}, "area": {"^2", "square "}, "volume": {"^3", "cubic "}} {
		for names, f := range map[string]string{
			"mm millimeter millimetre": "1/1000", "cm centimeter centimetre": "1/100", "m meter metre": "1", "km kilometer kilometre": "1000",
			"inch": "254/10000", "ft foot feet": "3048/10000", "yd yard": "9144/10000", "mile": "1609344/1000", "unit": "",
		} {
			dim, factor := dimension, f
			if f == "" {
				dim, factor = "units "+dimension, "1"
			}
			r, _ := new(big.Rat).SetString(factor)
			cube := new(big.Rat).Set(r)
			for range suffixPower(suffixes[0]) - 1 {
				cube.Mul(cube, r)
			}
			for _, n := range strings.Fields(names) {
				put(dim, cube.RatString(), n+suffixes[0])
				if suffixes[1] != "" {
					put(dim, cube.RatString(), suffixes[1]+n)
				}
			}
		}
	}
	put("units length", "1", "unit")
	put("volume", "1/1000", "l", "liter", "litre")
	put("volume", "1/1000000", "ml", "milliliter", "millilitre")
	put("mass", "1/1000", "g", "gram", "gramme")
	put("mass", "1", "kg", "kilogram")
	put("mass", "1/1000000", "mg", "milligram")
	put("mass", "1000", "tonne")
	put("mass", "45359237/100000000", "lb", "pound")
	put("time", "1", "s", "sec", "second")
	put("time", "1/1000", "ms", "millisecond")
	put("time", "60", "min", "minute")
	put("time", "3600", "h", "hr", "hour")
	put("time", "86400", "day")
	put("time", "604800", "week")
	put("month", "1", "month")
	put("month", "12", "year", "yr")
	put("speed", "1", "m/s", "meter per second")
	put("speed", "1000/3600", "km/h", "kmh", "kph", "kilometer per hour")
	put("speed", "1609344/3600000", "mph", "mile per hour")
	put("angle", "1", "°", "degree", "deg")
	put("radian", "1", "rad", "radian")
	put("money", "1", "dollar", "usd", "buck")
	put("money", "1/100", "cent")
	put("euro", "1", "euro", "eur")
	put("force", "1", "n", "newton")
	put("energy", "1", "j", "joule")
	put("power", "1", "w", "watt")
	put("people", "1", "person", "people")
	put("count", "1", "way", "item", "piece", "time", "element", "solution", "point", "digit", "bit", "byte", "step", "combination", "permutation")
	return m
}()

func suffixPower(s string) int {
	if s == "" {
		return 1
	}
	return int(s[len(s)-1] - '0')
}

// findUnit returns the unit that tokens name: one of the table, or up to three words of the question.
func findUnit(t []token, vocabulary map[string]bool) (unit, bool) {
	if len(t) == 0 || len(t) > 5 {
		return unit{}, false
	}
	var b strings.Builder
	words := 0
	for i, x := range t {
		switch {
		case x.kind == 'w':
			words++
			if i > 0 && t[i-1].kind == 'w' {
				b.WriteByte(' ')
			}
			b.WriteString(x.text)
		case x.is("°"), x.is("^"), x.is("/"), x.kind == 'n' && i > 0 && t[i-1].is("^"):
			b.WriteString(x.text)
		default:
			return unit{}, false
		}
	}
	name := b.String()
	for _, n := range []string{name, singular(name)} {
		if u, ok := units[n]; ok {
			return u, true
		}
	}
	if words != len(t) || words > 3 {
		return unit{}, false
	}
	for _, x := range t {
		if !vocabulary[x.text] && !vocabulary[singular(x.text)] && !vocabulary[x.text+"s"] || len(x.text) < 3 || unitless[x.text] {
			return unit{}, false
		}
	}
	return unit{dimension: singular(name), factor: big.NewRat(1, 1)}, true
}

// unitless are words that change a number, or deny it, and are never units.
var unitless = map[string]bool{
	"and": true, "or": true, "not": true, "minus": true, "plus": true, "times": true, "half": true, "negative": true, "less": true, "more": true,
	"than": true, "percent": true, "squared": true, "cubed": true, "over": true, "dozen": true, "hundred": true, "thousand": true, "million": true,
	"billion": true, "trillion": true, "the": true, "mod": true, "modulo": true, "factorial": true, "wrong": true, "incorrect": true,
	"approximately": true, "about": true, "least": true, "most": true, "between": true, "never": true, "isn": true, "sin": true, "cos": true,
	"tan": true, "log": true, "exp": true, "sqrt": true, "root": true, "abs": true, "double": true, "twice": true, "triple": true, "per": true,
	"below": true, "above": true, "under": true, "zero": true, "plusminus": true, "fewer": true, "greater": true, "lower": true, "without": true,
	"hundredth": true, "tenth": true, "thousandth": true, "third": true, "quarter": true, "fourth": true, "fifth": true, "opposite": true,
}

// singular drops a plural s from the last word, and from the first of "miles per hour".
func singular(s string) string {
	if first, rest, ok := strings.Cut(s, "s per "); ok {
		s = first + " per " + rest
	}
	switch {
	case strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "shes"), strings.HasSuffix(s, "xes"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && len(s) > 3:
		return s[:len(s)-1]
	}
	return s
}
