package main

import (
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{
		{"1", 1}, {"512MiB", 512 << 20}, {"8GiB", 8 << 30}, {"8g", 8 << 30}, {" 1.5 GB ", 1.5e9}, {"2T", 2 << 40}, {"100b", 100}, {"1e3", 1000}, {"4KB", 4000},
		{"", 0}, {"0", 0}, {"-1GiB", 0}, {"GiB", 0}, {"1GiBB", 0}, {"1 000", 0}, {"NaN", 0}, {"Inf", 0}, {"1e30", 0}, {"9999999TiB", 0},
	} {
		got, err := parseSize(c.text)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%q: %d, %v, want %d", c.text, got, err, c.want)
		}
	}
}

func TestIsKey(t *testing.T) {
	for _, good := range []string{"k", "sk-Ab_9~!", strings.Repeat("x", 1024)} {
		if !isKey(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "a b", "a\nb", "é", "a\x7f", strings.Repeat("x", 1025)} {
		if isKey(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}
