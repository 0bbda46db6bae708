package datasets

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/task/dataset"
)

// part is a file with the table that it has rows of, and its place among that table's files.
type part struct {
	name      string // path, with slashes
	table     string
	shard, of int  // of is 0 where the name doesn't say
	parquet   bool // by its name
}

var (
	// fileName divides the last part of a name: NAME[.parquet|…][.gz].
	fileName = regexp.MustCompile(`(?i)^(.+?)\.(parquet|jsonl|ndjson|json)(\.gz)?$`)
	// shardName is what may follow a split in a file's name: which of how many, and a hash.
	shardName = regexp.MustCompile(`^(?:-(\d{1,6})-of-(\d{1,6}))?(?:-[0-9a-f]{16})?$`)
	number    = regexp.MustCompile(`^\d{1,6}$`)
)

// ordinary are folders that say nothing about the config of the files in them.
var ordinary = map[string]bool{"": true, ".": true, "data": true, "default": true}

// partOf finds out which table of a dataset a file belongs to, by its name: main/train-00000-of-00002.parquet, data/level_1.jsonl, algebra/train/0000.parquet
// (as Hugging Face converts), algebra-test.jsonl. strict wants the folder to fit; otherwise a dataset of one config is found in any folder, as for files
// that the user has put somewhere.
func partOf(spec dataset.Spec, name string, strict bool) (part, bool) {
	dir, base := path.Split(name)
	m := fileName.FindStringSubmatch(base)
	if m == nil {
		return part{}, false
	}
	dir = strings.TrimSuffix(dir, "/")
	stem, folder := strings.ToLower(m[1]), strings.ToLower(path.Base(dir))
	above := strings.ToLower(path.Base(path.Dir(dir)))
	if dir == "" {
		folder, above = "", ""
	}
	p := part{name: name, parquet: strings.EqualFold(m[2], "parquet") && m[3] == ""}
	one := !slices.ContainsFunc(spec.Tables, func(t dataset.Table) bool { return t.Config != spec.Tables[0].Config })
	for _, t := range spec.Tables {
		p.table, p.shard, p.of = t.Name, 0, 0
		fits := func(folder string) bool {
			return folder == strings.ToLower(t.Config) || one && (!strict || t.Config == "default" && ordinary[folder])
		}
		if folder == t.Split && number.MatchString(stem) && fits(above) { // CONFIG/SPLIT/0000.parquet
			p.shard, _ = strconv.Atoi(stem)
			return p, true
		}
		at := strings.LastIndex(stem, t.Split)
		if at < 0 {
			continue
		}
		rest := shardName.FindStringSubmatch(stem[at+len(t.Split):])
		if rest == nil {
			continue
		}
		p.shard, _ = strconv.Atoi(rest[1])
		p.of, _ = strconv.Atoi(rest[2])
		prefix := strings.TrimRight(stem[:at], "-_.")
		switch {
		case prefix != "" && len(prefix) == at: // "mytrain" is another word
		case prefix == "" && fits(folder),
			prefix == strings.ToLower(t.Config) && (!strict || ordinary[folder] || fits(folder)),
			prefix != "" && !strict && (one || fits(folder)) && !strings.Contains(prefix, "partial"):
			return p, true
		}
	}
	return part{}, false
}

// gather chooses the files of every table of a dataset among names: Parquet where there is some, otherwise JSON. missing are the tables that have none.
// Errors wrap ErrIncomplete where parts of a table aren't there.
func gather(spec dataset.Spec, names []string, strict bool) (parts []part, missing []string, err error) {
	byTable := map[string][]part{}
	for _, n := range names {
		if p, ok := partOf(spec, n, strict); ok {
			byTable[p.table] = append(byTable[p.table], p)
		}
	}
	for _, t := range spec.Tables {
		all := byTable[t.Name]
		if slices.ContainsFunc(all, func(p part) bool { return p.parquet }) {
			all = slices.DeleteFunc(all, func(p part) bool { return !p.parquet })
		}
		if len(all) == 0 {
			missing = append(missing, t.Name)
			continue
		}
		slices.SortFunc(all, func(a, b part) int { return cmp.Or(cmp.Compare(a.shard, b.shard), strings.Compare(a.name, b.name)) })
		for i, p := range all {
			if p.shard != i || p.of != all[0].of || p.of != 0 && p.of != len(all) {
				return nil, nil, fmt.Errorf("%w: the files of table %s don't fit together: %s is one of them", ErrIncomplete, t.Name, p.name)
			}
		}
		parts = append(parts, all...)
	}
	return parts, missing, nil
}
