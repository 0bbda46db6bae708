package miner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/node"
)

func openJournal(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(context.Background(), path, "5miner", testRules())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJournalKeeps(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "miner.db")
	j := openJournal(t, path)
	empty, err := j.Load(ctx)
	must(t, err)
	if !reflect.DeepEqual(empty, NewState()) {
		t.Errorf("a new journal holds %+v", empty)
	}
	secret, err := j.Secret(ctx)
	must(t, err)
	checkpoint := int64(30)
	s := NewState()
	s.Plan, s.Last, s.GroupSeconds, s.Clock = Plan{Name: "m", GroupInterval: time.Second}, 60, 1.5, Clock{Head: 97, BlockSeconds: 2.5}
	s.Work = &Work{Window: 90, Phase: Uploading, Checkpoint: &checkpoint, Inputs: &node.Window{Start: 90, Hash: "0xaa", Randomness: "bb", Time: epoch}, Next: 3,
		Groups: []GroupRecord{{Index: 0, Checkpoint: 30, Rollouts: 4, Reward: 0.1}, {Index: 2, Dropped: true, Check: "c", Reason: "r"}},
		File:   &File{Key: "k", Name: "n", Size: 9, SHA256: "ab", MD5: "cd", Rows: 4, Groups: 1}, Attempts: 1, FinishStarted: epoch}
	s.Finished = &Work{Window: 60, Phase: Skipped, Reason: "no time", Hint: "hurry"}
	must(t, j.Save(ctx, s))
	rows := someRows(testRules(), 1)
	body, err := encodeGroup(testRules(), "5miner", Window{}, rows)
	must(t, err)
	must(t, j.PutGroup(ctx, 90, GroupRecord{Index: 0, Rollouts: 4}, body))
	must(t, j.PutGroup(ctx, 90, GroupRecord{Index: 2, Dropped: true, Reason: "r"}, nil))
	must(t, j.PutGroup(ctx, 90, GroupRecord{Index: 0, Rollouts: 99}, nil)) // the first stays
	must(t, j.Close())

	j = openJournal(t, path)
	got, err := j.Load(ctx)
	must(t, err)
	if d := cmp.Diff(s, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the state came back changed:\n%s", d)
	}
	if again, err := j.Secret(ctx); err != nil || string(again) != string(secret) || len(secret) != 32 {
		t.Errorf("secret %x became %x, %v", secret, again, err)
	}
	groups, err := j.Groups(ctx, 90)
	must(t, err)
	if len(groups) != 2 || groups[0].Rollouts != 4 || groups[1].Index != 2 || !groups[1].Dropped {
		t.Errorf("groups %+v", groups)
	}
	back, err := j.Rows(ctx, 90, 0)
	must(t, err)
	if d := cmp.Diff(rows, back, cmp.AllowUnexported(grail.Commitments{}, grail.BeaconRef{}), cmpopts.IgnoreFields(grail.Row{}, "Timestamp"), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("rows came back changed:\n%s", d)
	}
	if _, err := j.Rows(ctx, 90, 7); err == nil {
		t.Error("a group that is not there was read")
	}
	var phase string
	must(t, j.db.QueryRow("SELECT phase FROM windows WHERE window = 60").Scan(&phase))
	if phase != "skipped" {
		t.Errorf("window 60 is %s", phase)
	}
	must(t, j.Clean(ctx, 120, 30))
	if groups, _ := j.Groups(ctx, 90); len(groups) != 0 {
		t.Errorf("%d groups after cleaning", len(groups))
	}
}

func TestOneUploadAWindow(t *testing.T) {
	ctx := context.Background()
	j := openJournal(t, filepath.Join(t.TempDir(), "miner.db"))
	s := NewState()
	s.Work = &Work{Window: 30, Phase: Uploading, File: &File{SHA256: "first"}}
	must(t, j.Save(ctx, s))
	s.Work = &Work{Window: 30, Phase: Uploading, File: &File{SHA256: "first"}, Attempts: 2}
	must(t, j.Save(ctx, s))
	s.Work = &Work{Window: 30, Phase: Uploading, File: &File{SHA256: "second"}}
	if err := j.Save(ctx, s); !errors.Is(err, ErrUploadedTwice) {
		t.Errorf("a second file gives %v", err)
	}
	got, err := j.Load(ctx)
	must(t, err)
	if got.Work.File.SHA256 != "first" || got.Work.Attempts != 2 {
		t.Errorf("the refused state was kept: %+v", got.Work)
	}
}

func TestJournalIsOneMiners(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "miner.db")
	j := openJournal(t, path)
	if _, err := OpenJournal(ctx, path, "5miner", testRules()); err == nil {
		t.Error("two miners share a journal")
	}
	must(t, j.Close())
	if _, err := OpenJournal(ctx, path, "5other", testRules()); !errors.Is(err, ErrOtherMiner) || !strings.Contains(err.Error(), "hotkey") {
		t.Errorf("another hotkey gives %v", err)
	}
	if _, err := OpenJournal(ctx, path, "5miner", grail.Reference()); !errors.Is(err, ErrOtherMiner) || !strings.Contains(err.Error(), "rules") {
		t.Errorf("other rules give %v", err)
	}
	j = openJournal(t, path)
	_, err := j.db.Exec("PRAGMA user_version = 9")
	must(t, err)
	must(t, j.Close())
	if _, err := OpenJournal(ctx, path, "5miner", testRules()); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("a newer journal gives %v", err)
	}
	junk := filepath.Join(t.TempDir(), "miner.db")
	must(t, os.WriteFile(junk, []byte(strings.Repeat("no database ", 1000)), 0o600))
	if _, err := OpenJournal(ctx, junk, "5miner", testRules()); err == nil {
		t.Error("junk was taken for a journal")
	}
}

func TestSaveSkipsTheClock(t *testing.T) {
	ctx := context.Background()
	j := openJournal(t, filepath.Join(t.TempDir(), "miner.db"))
	s := NewState()
	must(t, j.Save(ctx, s))
	s.Clock.Head = 5
	must(t, j.Save(ctx, s))
	got, err := j.Load(ctx)
	must(t, err)
	if got.Clock.Head != 0 {
		t.Error("a new head was written to disk")
	}
	s.Last = 30
	must(t, j.Save(ctx, s))
	if got, err = j.Load(ctx); err != nil || got.Clock.Head != 5 || got.Last != 30 {
		t.Errorf("got %+v, %v", got, err)
	}
}
