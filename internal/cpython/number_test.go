package cpython

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestParseInt(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "+7": "7", " 12 ": "12", "\n\v12\f\r": "12", "007": "7", "1_000": "1000", "\u00a012\u3000": "12", "١٢": "12", "-１_２": "-12",
		"123456789012345678901234567890": "123456789012345678901234567890",
	} {
		if got, err := ParseInt(in); err != nil || got.String() != want {
			t.Errorf("%q: got %v, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", " ", "+", "-", "+-1", "--1", "+ 1", "1 2", "1.0", "1e3", "_1", "1_", "1__2", "0x1", "²", "Ⅷ", "1\x00", "\x1c12", "\x1c١", "\xff1", "½",
		strings.Repeat("1", MaxIntDigits+1)} {
		if got, err := ParseInt(in); !errors.Is(err, ErrNumber) {
			t.Errorf("%.40q: got %v, %v", in, got, err)
		}
	}
}

func TestParseFloat(t *testing.T) {
	for in, want := range map[string]float64{
		"0": 0, "1.": 1, ".5": 0.5, "-1.5e3": -1500, "1E-2": 0.01, " 2.5\n": 2.5, "1_0.0_1": 10.01, "1e1_0": 1e10, "inf": math.Inf(1), "-Infinity": math.Inf(-1), "+INF": math.Inf(1),
		"1e999": math.Inf(1), "1e-999": 0, "NaN": math.NaN(), "-nan": math.NaN(), "١.٥": 1.5, "\u00a01\u00a0": 1,
	} {
		got, err := ParseFloat(in)
		if err != nil || !sameFloat(got, want) {
			t.Errorf("%q: got %v, %v, want %v", in, got, err, want)
		}
	}
	if got, err := ParseFloat("-0"); err != nil || !math.Signbit(got) {
		t.Errorf("-0: got %v, %v", got, err)
	}
	for _, in := range []string{"", ".", "e5", "1e", "1e+", "+", "0x1p3", "1__0", "_1", "1_", "1_.5", "1._5", "1_e5", "in", "infinit", "1 2", "1,5", "\x1c1", "1d5", "\xff"} {
		if got, err := ParseFloat(in); !errors.Is(err, ErrNumber) {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
}

func TestConversions(t *testing.T) {
	big := "1" + strings.Repeat("0", 400)
	for _, test := range []struct {
		text    string
		integer string // "" for an error
		float   any    // nil for an error
	}{
		{"true", "1", 1.0},
		{"false", "0", 0.0},
		{"12", "12", 12.0},
		{big, big, nil},
		{"9007199254740993", "9007199254740993", 9007199254740992.0},
		{"36893488147419107328", "36893488147419107328", 0x1p65}, // a tie goes to the even double
		{"36893488147419107329", "36893488147419107329", 0x1.0000000000001p65},
		{"2.9", "2", 2.9},
		{"-2.9", "-2", -2.9},
		{"1e20", "100000000000000000000", 1e20},
		{"NaN", "", math.NaN()},
		{"Infinity", "", math.Inf(1)},
		{`" 12 "`, "12", 12.0},
		{`"1.5"`, "", 1.5},
		{`"x"`, "", nil},
		{"null", "", nil},
		{"[1]", "", nil},
		{"{}", "", nil},
	} {
		v := mustParse(t, test.text)
		n, err := v.ToInt()
		if test.integer == "" {
			if !errors.Is(err, ErrNumber) {
				t.Errorf("int(%s): got %v, %v", test.text, n, err)
			}
		} else if err != nil || n.String() != test.integer {
			t.Errorf("int(%s): got %v, %v", test.text, n, err)
		}
		f, err := v.ToFloat()
		if test.float == nil {
			if !errors.Is(err, ErrNumber) {
				t.Errorf("float(%s): got %v, %v", test.text, f, err)
			}
		} else if err != nil || !sameFloat(f, test.float.(float64)) {
			t.Errorf("float(%s): got %v, %v", test.text, f, err)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	for _, s := range []string{" 12 ", "1_0.5e-3", "-١٢", "inf", strings.Repeat("9", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseInt(s)
		if err != nil {
			return
		}
		x, err := ParseFloat(s)
		if err != nil {
			t.Fatalf("%q is the integer %s but no float: %v", s, n, err)
		}
		if y, err := BigValue(n).ToFloat(); err == nil && x != y {
			t.Fatalf("%q is the float %v, its integer %v", s, x, y)
		}
	})
}
