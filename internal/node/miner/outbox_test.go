package miner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/node"
)

func drafts(rules grail.Rules, n int) []draft {
	rows := someRows(rules, n)
	var all []draft
	for g := range n {
		own := rows[g*rules.GroupSize : (g+1)*rules.GroupSize]
		body, err := encodeGroup(rules, "5miner", Window{}, own)
		if err != nil {
			panic(err)
		}
		all = append(all, draft{GroupRecord{Index: int64(g), Rollouts: len(own), Bytes: int64(len(body))}, own})
	}
	return all
}

var junkWindow = Window{Window: node.Window{Start: 0, Hash: "0xab"}}

func TestOutboxWrites(t *testing.T) {
	ctx, rules, dir := context.Background(), testRules(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "window-0.parquet.17"+partial), []byte("half"), 0o600))
	o, err := OpenOutbox(dir)
	must(t, err)
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files from a crash are left", len(left))
	}
	f, dropped, err := o.Write(ctx, rules, "5miner", junkWindow, drafts(rules, 3), epoch)
	must(t, err)
	if len(dropped) != 0 || f.Rows != 12 || f.Groups != 3 || f.Key != bucket.WindowKey("5miner", 0) {
		t.Errorf("wrote %+v, dropped %+v", f, dropped)
	}
	content, err := os.ReadFile(o.Path(f))
	must(t, err)
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(content)) != f.Size {
		t.Error("sum or size is not the file's")
	}
	w, err := windowfile.Open(bytes.NewReader(content), f.Size, windowfile.Limits{})
	must(t, err)
	meta, err := w.Metadata()
	must(t, err)
	if want := (windowfile.Metadata{Wallet: "5miner", WindowLength: rules.WindowLength, InferenceCount: 12, Timestamp: float64(epoch.Unix())}); meta != want {
		t.Errorf("metadata %+v, want %+v", meta, want)
	}
	file, sum, err := o.open(f)
	must(t, err)
	file.Close()
	if hex.EncodeToString(sum) != f.SHA256 {
		t.Error("open gives another sum")
	}
	must(t, os.WriteFile(o.Path(f), append(content, 0), 0o600))
	if _, _, err := o.open(f); !errors.Is(err, errOutbox) {
		t.Errorf("a changed file gives %v", err)
	}
	must(t, os.Remove(o.Path(f)))
	if _, _, err := o.open(f); !errors.Is(err, errOutbox) {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestOutboxKeepsTheSizeLimit(t *testing.T) { // quirk 53
	ctx, rules := context.Background(), testRules()
	o, err := OpenOutbox(t.TempDir())
	must(t, err)
	all := drafts(rules, 6)
	whole, _, err := o.Write(ctx, rules, "5miner", junkWindow, all, epoch)
	must(t, err)
	rules.MaxFileBytes = whole.Size - 1
	f, dropped, err := o.Write(ctx, rules, "5miner", junkWindow, all, epoch)
	must(t, err)
	if f.Size > rules.MaxFileBytes || len(dropped) == 0 || f.Groups+len(dropped) != 6 {
		t.Errorf("wrote %+v, dropped %d", f, len(dropped))
	}
	if last := dropped[0]; last.Index != 5 || !last.Dropped || last.Reason == "" {
		t.Errorf("dropped first: %+v", last)
	}
	rules.MaxFileBytes = 10
	if f, dropped, err = o.Write(ctx, rules, "5miner", junkWindow, all, epoch); err != nil || f.Rows != 0 || len(dropped) != 6 {
		t.Errorf("with no room: %+v, %d, %v", f, len(dropped), err)
	}
}

func TestOutboxRefusesWhatValidatorsWould(t *testing.T) {
	ctx, rules := context.Background(), testRules()
	o, err := OpenOutbox(t.TempDir())
	must(t, err)
	for name, spoil := range map[string]func([]draft) []draft{
		"nonce":      func(d []draft) []draft { d[0].rows[1].Nonce = d[0].rows[0].Nonce; return d },
		"block hash": func(d []draft) []draft { d[0].rows[1].BlockHash = "0xcd"; return d },
		"window":     func(d []draft) []draft { d[0].rows[1].WindowStart = 30; return d },
		"size":       func(d []draft) []draft { d[0].rows = d[0].rows[:3]; return d },
	} {
		var unfit *Unfit
		if f, _, err := o.Write(ctx, rules, "5miner", junkWindow, spoil(drafts(rules, 2)), epoch); !errors.As(err, &unfit) {
			t.Errorf("%s: wrote %+v, %v", name, f, err)
		}
	}
	if left, _ := os.ReadDir(o.dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestOutboxCleans(t *testing.T) {
	dir := t.TempDir()
	o, err := OpenOutbox(dir)
	must(t, err)
	for _, name := range []string{fileName(0), fileName(30), fileName(60), "window-x.parquet", "notes.txt"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	must(t, o.Clean(60))
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 3 {
		t.Errorf("left %v", left)
	}
}

func TestOwns(t *testing.T) {
	f := File{Size: 9, MD5: "0123456789abcdef0123456789abcdef"}
	for _, test := range []struct {
		info bucket.Info
		own  bool
	}{
		{bucket.Info{Size: 9, ETag: f.MD5}, true},
		{bucket.Info{Size: 9, ETag: "00000000000000000000000000000000"}, false},
		{bucket.Info{Size: 9, ETag: f.MD5 + "-2"}, true}, // in parts: the tag says nothing
		{bucket.Info{Size: 8, ETag: f.MD5}, false},
	} {
		if got := owns(f, test.info); got != test.own {
			t.Errorf("%+v: %v", test.info, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("a miner of nothing")
	}
	if _, err := New(Config{Rules: testRules()}); err == nil {
		t.Error("a miner without a chain")
	}
}
