package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/hub"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// hubNames are the names that the files of a dataset have on the hub, by table; converted those in refs/convert/parquet.
func hubNames(spec dataset.Spec, t dataset.Table, n int, parquet bool) []string {
	dir := t.Config
	if dir == "default" {
		dir = "data"
	}
	if !parquet {
		return []string{dir + "/" + t.Split + ".jsonl"}
	}
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s/%s-%05d-of-%05d.parquet", dir, t.Split, i, n))
	}
	return out
}

// published makes the files of a sample as a repository has them, each table in n Parquet files.
func published(t testing.TB, env string, n int, parquet bool) map[string][]byte {
	spec, _, tables := sample(t, env)
	files := map[string][]byte{"README.md": []byte("about"), "other/train-00000-of-00001.parquet": []byte("another config")}
	for _, table := range spec.Tables {
		rows := tables[table.Name]
		if !parquet {
			files[hubNames(spec, table, 1, false)[0]] = linesOf(t, rows)
			continue
		}
		for i, name := range hubNames(spec, table, n, true) {
			files[name] = parquetOf(t, spec, rows[i*len(rows)/n:(i+1)*len(rows)/n])
		}
	}
	return files
}

func TestPull(t *testing.T) {
	for _, env := range dataset.Envs() {
		for _, form := range []struct {
			n       int
			parquet bool
		}{{1, true}, {2, true}, {1, false}} {
			e := newEndpoint(t, env)
			commit := e.commit("main", published(t, env, form.n, form.parquet))
			s := New(t.TempDir(), Options{})
			if _, err := s.Open(t.Context(), env); !errors.Is(err, task.ErrNoTool) || !strings.Contains(hint(err), "nanteos data pull "+env) {
				t.Fatalf("%s: %v", env, err)
			}
			var events []string
			info, err := s.Pull(t.Context(), env, PullOptions{Client: e.client(t), Tell: func(e hub.Event) { events = append(events, e.Event) }})
			if err != nil {
				t.Fatalf("%s %+v: %v", env, form, err)
			}
			_, want, _ := sample(t, env)
			set, err := s.Open(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			if set.Digest != want.Digest || info.Digest != want.Digest || info.Commit != commit || !info.Current || info.Unchanged || len(info.Files) == 0 {
				t.Errorf("%s: %+v", env, info)
			}
			if set.Source != e.id+"@"+commit || set.Licence == "" || !slices.Contains(events, "done") {
				t.Errorf("%s: %s, %s, %q", env, set.Source, set.Licence, events)
			}
			for _, name := range e.fetched() {
				if name == "README.md" || strings.HasPrefix(name, "other/") {
					t.Errorf("%s: %s was fetched", env, name)
				}
			}
			if again, err := s.Pull(t.Context(), env, PullOptions{Client: e.client(t)}); err != nil || !again.Unchanged || len(e.fetched()) != 0 {
				t.Errorf("%s: a second pull: %+v, %v", env, again, err)
			}
			if _, err := os.Stat(filepath.Join(s.Folder(), env, downloadName)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: the download stays", env)
			}
			fresh := New(s.Folder(), Options{})
			if set, err := fresh.OpenDigest(t.Context(), env, want.Digest); err != nil || set.Digest != want.Digest {
				t.Error(err)
			}
		}
	}
}

func hint(err error) string {
	var h interface{ Hint() string }
	if !errors.As(err, &h) {
		return ""
	}
	return h.Hint()
}

// TestPullConverted takes the conversion where main has nothing that can be read, but not where a revision was asked for.
func TestPullConverted(t *testing.T) {
	e := newEndpoint(t, "gsm8k")
	spec, want, tables := sample(t, "gsm8k")
	e.commit("main", map[string][]byte{"gsm8k.py": []byte("a script")})
	s := New(t.TempDir(), Options{})
	if _, err := s.Pull(t.Context(), "gsm8k", PullOptions{Client: e.client(t)}); !errors.Is(err, ErrIncomplete) || !strings.Contains(hint(err), "import gsm8k") {
		t.Errorf("%v, hint %q", err, hint(err))
	}
	files := map[string][]byte{}
	for _, table := range spec.Tables {
		files[table.Name+"/0000.parquet"] = parquetOf(t, spec, tables[table.Name])
	}
	commit := e.commit(converted, files)
	if _, err := s.Pull(t.Context(), "gsm8k", PullOptions{Client: e.client(t), Revision: "main"}); !errors.Is(err, ErrIncomplete) {
		t.Error(err)
	}
	info, err := s.Pull(t.Context(), "gsm8k", PullOptions{Client: e.client(t)})
	if err != nil || info.Digest != want.Digest || info.Commit != commit || info.Revision != converted {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestPullPinned takes a commit even where main has moved on, and keeps both.
func TestPullPinned(t *testing.T) {
	e := newEndpoint(t, "humaneval")
	old := e.commit("main", published(t, "humaneval", 1, true))
	spec, want, tables := sample(t, "humaneval")
	fewer := tables["openai_humaneval/test"][1:]
	e.commit("main", map[string][]byte{"openai_humaneval/test-00000-of-00001.parquet": parquetOf(t, spec, fewer)})
	s := New(t.TempDir(), Options{})
	latest, err := s.Pull(t.Context(), "humaneval", PullOptions{Client: e.client(t)})
	if err != nil || latest.Rows["openai_humaneval/test"] != len(fewer) || len(latest.Deviations) != 1 {
		t.Fatalf("%+v, %v", latest, err)
	}
	pinned, err := s.Pull(t.Context(), "humaneval", PullOptions{Client: e.client(t), Revision: old})
	if err != nil || pinned.Digest != want.Digest || pinned.Commit != old {
		t.Fatalf("%+v, %v", pinned, err)
	}
	infos, err := s.Show("humaneval")
	if err != nil || len(infos) != 2 || infos[0].Digest != pinned.Digest || !infos[0].Current || infos[1].Current {
		t.Errorf("%+v, %v", infos, err)
	}
	if set, err := s.OpenDigest(t.Context(), "humaneval", latest.Digest); err != nil || set.Digest != latest.Digest {
		t.Error(err)
	}
	if set, err := s.Open(t.Context(), "humaneval"); err != nil || set.Digest != pinned.Digest {
		t.Error(err)
	}
	if _, err := s.OpenDigest(t.Context(), "humaneval", strings.Repeat("0", 64)); !errors.Is(err, task.ErrNoTool) {
		t.Error(err)
	}
	if _, err := s.OpenDigest(t.Context(), "humaneval", "../../etc"); !errors.Is(err, task.ErrNoTool) {
		t.Error(err)
	}
	for _, revision := range []string{"gone", strings.Repeat("9", 40)} {
		_, err := s.Pull(t.Context(), "humaneval", PullOptions{Client: e.client(t), Revision: revision})
		if !errors.Is(err, hub.ErrNotFound) || strings.Contains(err.Error()+hint(err), "model") {
			t.Errorf("%v, hint %q", err, hint(err))
		}
	}
	if _, err := s.Pull(t.Context(), "humaneval", PullOptions{Client: e.client(t), Revision: "a b"}); !errors.Is(err, hub.ErrReference) {
		t.Error(err)
	}
}

// TestBadContent leaves the old set in place whatever comes.
func TestBadContent(t *testing.T) {
	spec, want, tables := sample(t, "mbpp")
	good := published(t, "mbpp", 1, true)
	e := newEndpoint(t, "mbpp")
	e.commit("main", good)
	s := New(t.TempDir(), Options{Limits: Limits{Download: 200_000, Text: 100_000, Rows: 500}})
	if _, err := s.Pull(t.Context(), "mbpp", PullOptions{Client: e.client(t)}); err != nil {
		t.Fatal(err)
	}
	name := "full/test-00000-of-00001.parquet"
	other := spec
	other.Columns = slices.Clone(spec.Columns[:3])
	var wrong []dataset.Row
	for _, r := range tables["full/test"] {
		wrong = append(wrong, dataset.Row{"task_id": r["task_id"], "text": r["text"], "code": r["code"]})
	}
	nulls := slices.Clone(tables["full/test"])
	nulls[3] = dataset.Row{"task_id": int64(4), "code": "x", "test_list": []string{"a"}}
	var many []dataset.Row
	for range 30 {
		many = append(many, tables["full/test"]...)
	}
	for kind, c := range map[string]struct {
		b    []byte
		want error
	}{
		"cut":           {good[name][:len(good[name])/2], ErrFile},
		"no Parquet":    {[]byte("<html>login first</html>"), ErrFile},
		"nothing":       {nil, ErrFile},
		"wrong columns": {parquetOf(t, other, wrong), ErrFile},
		"a null":        {parquetOf(t, spec, nulls), dataset.ErrShape},
		"many rows":     {parquetOf(t, spec, many), ErrTooLarge},
		"large":         {bytes.Repeat([]byte("PAR1"), 60_000), ErrTooLarge},
		"no rows":       {parquetOf(t, spec, nil), ErrIncomplete},
	} {
		files := map[string][]byte{}
		for n, b := range good {
			files[n] = b
		}
		files[name] = c.b
		e.commit("main", files)
		_, err := s.Pull(t.Context(), "mbpp", PullOptions{Client: e.client(t)})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", kind, err)
		}
		if set, err := New(s.Folder(), Options{}).Open(t.Context(), "mbpp"); err != nil || set.Digest != want.Digest {
			t.Errorf("%s: the old set is gone: %v", kind, err)
		}
	}
	// Bytes that aren't those of the commit.
	e.commit("main", map[string][]byte{"full/train.jsonl": linesOf(t, tables["full/train"]), "full/test.jsonl": linesOf(t, tables["full/test"]), "full/validation.jsonl": linesOf(t, tables["full/validation"])})
	e.breaks(func(w http.ResponseWriter, name string) bool {
		_, _ = w.Write(bytes.Repeat([]byte("x"), len(e.commits[e.revisions["main"]][name])))
		return true
	})
	if _, err := s.Pull(t.Context(), "mbpp", PullOptions{Client: e.client(t)}); !errors.Is(err, hub.ErrChecksum) {
		t.Error(err)
	}
	e.breaks(nil)
	if info, err := s.Pull(t.Context(), "mbpp", PullOptions{Client: e.client(t)}); err != nil || info.Digest != want.Digest {
		t.Error(err)
	}
}

// TestPullResumes ends a pull in the middle and goes on with what is missing.
func TestPullResumes(t *testing.T) {
	e := newEndpoint(t, "gsm8k")
	e.commit("main", published(t, "gsm8k", 4, true))
	s := New(t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	e.breaks(func(http.ResponseWriter, string) bool {
		if n++; n == 4 {
			cancel()
		}
		return false
	})
	if _, err := s.Pull(ctx, "gsm8k", PullOptions{Client: e.client(t)}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	e.breaks(nil)
	e.fetched()
	kept := 0
	if _, err := s.Pull(t.Context(), "gsm8k", PullOptions{Client: e.client(t), Tell: func(e hub.Event) {
		if e.Event == "kept" {
			kept++
		}
	}}); err != nil {
		t.Fatal(err)
	}
	if again := len(e.fetched()); again+kept < 8 {
		t.Errorf("%d files were fetched again, %d kept", again, kept)
	}
}

func TestImport(t *testing.T) {
	spec, want, tables := sample(t, "gsm8k")
	train, test := tables["main/train"], tables["main/test"]
	list, err := json.Marshal(test)
	if err != nil {
		t.Fatal(err)
	}
	for kind, files := range map[string]map[string][]byte{
		"JSON Lines":      {"train.jsonl": linesOf(t, train), "test.jsonl": append([]byte("\n\n"), linesOf(t, test)...)},
		"gzip and a list": {"gsm8k_train.jsonl.gz": zipped(t, linesOf(t, train)), "test.json": list},
		"Parquet":         {"main/train-00000-of-00001.parquet": parquetOf(t, spec, train), "main/test-00000-of-00001.parquet": parquetOf(t, spec, test)},
		"parts":           {"train-00000-of-00002.jsonl": linesOf(t, train[:20]), "train-00001-of-00002.jsonl": linesOf(t, train[20:]), "test.jsonl": linesOf(t, test)},
	} {
		for _, whole := range []bool{false, true} {
			dir := t.TempDir()
			names := write(t, dir, files)
			if whole {
				names = []string{dir}
			}
			s := New(t.TempDir(), Options{})
			info, err := s.Import(t.Context(), "gsm8k", names...)
			if err != nil || info.Digest != want.Digest || info.Repository != "" || len(info.Files) != len(files) {
				t.Errorf("%s: %+v, %v", kind, info, err)
				continue
			}
			if set, err := s.Open(t.Context(), "gsm8k"); err != nil || set.Digest != want.Digest || !strings.HasPrefix(set.Source, "import of ") {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
	// Names that say nothing.
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"a": linesOf(t, train), "b": linesOf(t, test)})
	s := New(t.TempDir(), Options{})
	if info, err := s.Import(t.Context(), "gsm8k", "train="+filepath.Join(dir, "a"), "main/test="+filepath.Join(dir, "b")); err != nil || info.Digest != want.Digest {
		t.Error(err)
	}
	for kind, args := range map[string][]string{
		"no table":    {"valid=" + filepath.Join(dir, "a")},
		"no name":     {filepath.Join(dir, "a")},
		"one missing": {"train=" + filepath.Join(dir, "a")},
		"nothing":     {},
		"not there":   {filepath.Join(dir, "c.jsonl")},
		"empty":       {t.TempDir()},
		"no file":     {"train=" + dir},
	} {
		_, err := s.Import(t.Context(), "gsm8k", args...)
		if err == nil || !errors.Is(err, ErrFile) && !errors.Is(err, ErrIncomplete) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := s.Import(t.Context(), "sat", dir); !errors.Is(err, dataset.ErrUnknownEnv) {
		t.Error(err)
	}
	if set, err := s.Open(t.Context(), "gsm8k"); err != nil || set.Digest != want.Digest {
		t.Error("a failed import has changed the store")
	}
}

// TestImportWhole divides files that have all tables in one.
func TestImportWhole(t *testing.T) {
	import1 := func(env, name string, rows []dataset.Row) (Info, error) {
		return New(t.TempDir(), Options{}).Import(t.Context(), env, write(t, t.TempDir(), map[string][]byte{name: linesOf(t, rows)})...)
	}
	var rows []dataset.Row
	for id := int64(1); id <= 974; id++ {
		rows = append(rows, dataset.Row{"task_id": id, "text": "t", "code": "c", "test_list": []string{}, "test_setup_code": "", "challenge_test_list": []string{}})
	}
	info, err := import1("mbpp", "mbpp.jsonl", rows)
	if err != nil || len(info.Deviations) != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := import1("mbpp", "mbpp.jsonl", append(rows, dataset.Row{"task_id": int64(975)})); !errors.Is(err, ErrFile) {
		t.Error(err)
	}
	_, want, tables := sample(t, "triton_kernel")
	rows = nil
	for _, level := range []string{"default/level_1", "default/level_2", "default/level_3", "default/level_4"} {
		rows = append(rows, tables[level]...)
	}
	if info, err := import1("triton_kernel", "kernelbench.jsonl", rows); err != nil || info.Digest != want.Digest {
		t.Error(err)
	}
	if _, err := import1("triton_kernel", "kernelbench.jsonl", rows[:5]); !errors.Is(err, ErrIncomplete) {
		t.Error(err)
	}
	_, want, tables = sample(t, "humaneval")
	if info, err := import1("humaneval", "HumanEval.jsonl", tables["openai_humaneval/test"]); err != nil || info.Digest != want.Digest {
		t.Error(err)
	}
	spec, want, tables := sample(t, "math")
	parts := map[string][]byte{}
	for _, table := range spec.Tables {
		parts[table.Split+".jsonl"] = append(parts[table.Split+".jsonl"], linesOf(t, tables[table.Name])...)
	}
	if info, err := New(t.TempDir(), Options{}).Import(t.Context(), "math", write(t, t.TempDir(), parts)...); err != nil || info.Digest != want.Digest {
		t.Error(err)
	}
}

// TestBadLines holds what is said about JSON that isn't right.
func TestBadLines(t *testing.T) {
	row := `{"question":"q","answer":"a"}`
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":         {row + "\n{oops", "line 2: file is no table"},
		"a number":        {`{"question":1,"answer":"a"}`, "column question is no text"},
		"missing":         {row + "\n" + `{"question":"q"}`, "row 1 of table main/train has no answer"},
		"null":            {`{"question":null,"answer":"a"}`, "has no question"},
		"no UTF-8":        {"{\"question\":\"\xff\",\"answer\":\"a\"}", "no UTF-8"},
		"half":            {`{"question":"\ud83d","answer":"a"}`, "half a character"},
		"other half":      {`{"question":"\\\udc00","answer":"a"}`, "half a character"},
		"a list":          {`[` + row + `, 5]`, "row 1: file is no table"},
		"an open list":    {`[` + row, "doesn't end"},
		"a list of lists": {`[[]]`, "row 0"},
		"long":            {`{"question":"` + strings.Repeat("x", 5000) + `","answer":"a"}`, "line 1 has more than 4000 bytes"},
		"empty":           {" \n", "it is empty"},
		"text":            {"question,answer\n", "neither Parquet nor JSON"},
		"cut gzip":        {string(zipped(t, []byte(row)))[:20], "file is no table"},
	} {
		s := New(t.TempDir(), Options{Limits: Limits{Line: 4000}})
		names := write(t, t.TempDir(), map[string][]byte{"train.jsonl": []byte(c.text), "test.jsonl": []byte(row)})
		_, err := s.Import(t.Context(), "gsm8k", names...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := New(t.TempDir(), Options{})
	names := write(t, t.TempDir(), map[string][]byte{"train.jsonl": []byte(`{"question":"\ud83d\ude00 \\ud83d é","answer":"a","more":[1,{}]}`), "test.jsonl": []byte(row)})
	if _, err := s.Import(t.Context(), "gsm8k", names...); err != nil {
		t.Fatal(err)
	}
	set, _ := s.Open(t.Context(), "gsm8k")
	rows, _ := set.Table("main/train")
	if rows[0].Text("question") != "😀 \\ud83d é" || len(rows[0]) != 2 {
		t.Errorf("%q", rows[0])
	}
}

func TestDamagedStore(t *testing.T) {
	_, want, tables := sample(t, "gsm8k")
	names := write(t, t.TempDir(), map[string][]byte{"train.jsonl": linesOf(t, tables["main/train"]), "test.jsonl": linesOf(t, tables["main/test"])})
	for kind, harm := range map[string]func(dir string) error{
		"a changed row": func(dir string) error {
			name := filepath.Join(dir, want.Digest, "00.jsonl")
			b, err := os.ReadFile(name)
			return errors.Join(err, os.WriteFile(name, bytes.Replace(b, []byte("pears"), []byte("plums"), 1), 0o644))
		},
		"a cut table": func(dir string) error { return os.Truncate(filepath.Join(dir, want.Digest, "01.jsonl"), 100) },
		"no table":    func(dir string) error { return os.Remove(filepath.Join(dir, want.Digest, "01.jsonl")) },
		"a wrong manifest": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, want.Digest, manifestName), []byte("{}"), 0o644)
		},
		"a wrong name": func(dir string) error { return os.WriteFile(filepath.Join(dir, currentName), []byte("../.."), 0o644) },
	} {
		s := New(t.TempDir(), Options{AllowSample: true})
		if _, err := s.Import(t.Context(), "gsm8k", names...); err != nil {
			t.Fatal(err)
		}
		if err := harm(filepath.Join(s.Folder(), "gsm8k")); err != nil {
			t.Fatal(err)
		}
		if _, err := New(s.Folder(), Options{}).Open(t.Context(), "gsm8k"); !errors.Is(err, ErrDamaged) || !strings.Contains(hint(err), "data remove gsm8k") {
			t.Errorf("%s: %v, hint %q", kind, err, hint(err))
		}
		if _, err := s.Remove("gsm8k", ""); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if set, err := s.Open(t.Context(), "gsm8k"); err != nil || set.Source != dataset.SampleSource {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestRemove(t *testing.T) {
	_, want, tables := sample(t, "affine_trace")
	s := New(t.TempDir(), Options{})
	rows := tables["default/train"]
	var digests []string
	for _, part := range [][]dataset.Row{rows, rows[1:], rows[2:]} {
		info, err := s.Import(t.Context(), "affine_trace", write(t, t.TempDir(), map[string][]byte{"train.jsonl": linesOf(t, part)})...)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, info.Digest)
	}
	if all, err := s.List(); err != nil || len(all) != 3 || all[0].Digest != digests[2] {
		t.Errorf("%+v, %v", all, err)
	}
	for _, digest := range []string{"f00d", "../" + digests[0], strings.Repeat("z", 64)} {
		if _, err := s.Remove("affine_trace", digest); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", digest, err)
		}
	}
	if got, err := s.Remove("affine_trace", digests[0][:12]); err != nil || len(got) != 1 || got[0] != want.Digest {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := s.Open(t.Context(), "affine_trace"); err != nil {
		t.Error(err)
	}
	if _, err := s.Remove("affine_trace", digests[2]); err != nil {
		t.Error(err)
	}
	if _, err := s.Open(t.Context(), "affine_trace"); !errors.Is(err, task.ErrNoTool) {
		t.Error(err)
	}
	if set, err := s.OpenDigest(t.Context(), "affine_trace", digests[1]); err != nil || set.Digest != digests[1] {
		t.Error(err)
	}
	if _, err := s.Remove("affine_trace", ""); err != nil {
		t.Error(err)
	}
	if _, err := s.Remove("affine_trace", ""); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := s.Show("affine_trace"); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func FuzzJSON(f *testing.F) {
	spec, err := dataset.SpecOf("mbpp")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"task_id":1,"text":"t","code":"c","test_list":["a","b"],"test_setup_code":null}` + "\n"))
	f.Add([]byte(`[{"task_id":1.0,"text":"\ud83d\ude00","test_list":[]}]`))
	f.Add(zipped(f, []byte(`{"text":"x"}`)))
	f.Add([]byte("PAR1PAR1"))
	f.Add([]byte(`{"text":"\ud83d"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := newIntake(t.Context(), spec, Limits{Download: 1 << 20, Text: 1 << 16, Line: 1 << 14, Rows: 100})
		rows, err := in.content(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, ErrFile) && !errors.Is(err, ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		// What was taken is written and read back the same.
		var again bytes.Buffer
		e := json.NewEncoder(&again)
		for _, r := range rows {
			if err := e.Encode(r); err != nil {
				t.Fatal(err)
			}
		}
		if len(rows) == 0 {
			return
		}
		in = newIntake(t.Context(), spec, Limits{}.withDefaults())
		got, err := in.content(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil || len(got) != len(rows) {
			t.Fatalf("%v: %q", err, again.Bytes())
		}
		for i := range rows {
			if fmt.Sprint(got[i]) != fmt.Sprint(rows[i]) {
				t.Fatalf("%v, want %v", got[i], rows[i])
			}
		}
	})
}
