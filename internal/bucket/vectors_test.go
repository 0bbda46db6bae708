package bucket

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// cases decodes a vector file of the storage set: one list of objects that a key "kind" tells apart.
func cases(t *testing.T, file string) []json.RawMessage {
	t.Helper()
	var f struct {
		About   string            `json:"about"`
		Count   int               `json:"count"`
		Vectors []json.RawMessage `json:"vectors"`
	}
	vectortest.Decode(t, file, &f)
	return f.Vectors
}

func kindOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var k struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	return k.Kind
}

func strict(t *testing.T, raw json.RawMessage, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}

type credentialsJSON struct {
	Name      string `json:"name"`
	AccountID string `json:"account_id"`
	AccessKey string `json:"access_key_id"`
	Secret    string `json:"secret_access_key"`
}

func (c credentialsJSON) plain() ReadCredentials {
	return ReadCredentials{c.AccountID, c.AccessKey, c.Secret}
}

func TestVectorsCommitments(t *testing.T) {
	const file = "storage/commitments.json"
	n := 0
	for _, raw := range cases(t, file) {
		n++
		switch kind := kindOf(t, raw); kind {
		case "encode":
			vectorEncode(t, raw)
		case "parse":
			vectorParse(t, raw)
		case "parse_many":
			vectorParseMany(t, raw)
		case "match":
			vectorMatch(t, raw)
		case "load":
			vectorLoad(t, raw)
		case "load_blank":
			var v struct {
				Kind  string  `json:"kind"`
				Blank string  `json:"blank"`
				Error *string `json:"error"`
			}
			strict(t, raw, &v)
			err := environment(v.Blank, "  ").Validate()
			if strings.Contains(v.Blank, "READ") {
				wantIs(t, err, ErrPublishWrite)
			} else {
				wantIs(t, err, ErrSettings)
			}
		default:
			t.Errorf("unknown kind %q", kind)
		}
	}
	vectortest.Count(t, file, n)
}

func vectorEncode(t *testing.T, raw json.RawMessage) {
	var v struct {
		Kind       string  `json:"kind"`
		Account    string  `json:"account_id"`
		Key        string  `json:"read_access_key_id"`
		Secret     string  `json:"read_secret_access_key"`
		Commitment string  `json:"commitment"`
		Chars      int     `json:"chars"`
		Bytes      int     `json:"utf8_bytes"`
		Valid      bool    `json:"valid"`
		Error      *string `json:"error"`
	}
	strict(t, raw, &v)
	c := ReadCredentials{v.Account, v.Key, v.Secret}
	text, err := c.CommitmentText()
	if (err != nil) != (v.Error != nil) {
		t.Errorf("%+v: error %v", v, err)
		return
	}
	if err != nil {
		return
	}
	if text != v.Commitment || len([]rune(text)) != v.Chars || len(text) != v.Bytes {
		t.Errorf("%+v: text %q", v, text)
	}
	b, err := c.EncodeCommitment()
	if v.Bytes != CommitmentSize {
		wantIs(t, err, ErrSettings) // the chain would refuse it
	} else if err != nil || string(b) != text {
		t.Errorf("%+v: %q %v", v, b, err)
	}
}

func vectorParse(t *testing.T, raw json.RawMessage) {
	var v struct {
		Kind       string           `json:"kind"`
		Name       string           `json:"name"`
		Bytes      []byte           `json:"bytes_b64"`
		Registered bool             `json:"registered"`
		Result     *credentialsJSON `json:"result"`
	}
	strict(t, raw, &v)
	if !v.Registered {
		return // whose commitments count is the caller's affair
	}
	got, err := ParseCommitment(v.Bytes)
	if v.Result == nil {
		wantIs(t, err, ErrCommitment)
		return
	}
	if err != nil || got != v.Result.plain() || v.Result.Name != got.AccountID {
		t.Errorf("%s: %+v %v", v.Name, got, err)
	}
}

func vectorParseMany(t *testing.T, raw json.RawMessage) {
	var v struct {
		Kind    string                     `json:"kind"`
		Entries [][2]string                `json:"entries"`
		Hotkeys []string                   `json:"hotkeys"`
		Result  map[string]credentialsJSON `json:"result"`
	}
	strict(t, raw, &v)
	got := map[string]ReadCredentials{}
	for _, e := range v.Entries {
		b, err := base64.StdEncoding.DecodeString(e[1])
		if err != nil {
			t.Fatal(err)
		}
		uid := slices.Index(v.Hotkeys, e[0])
		if c, err := ParseCommitment(b); err == nil && uid >= 0 {
			got[string(rune('0'+uid))] = c
		}
	}
	if len(got) != len(v.Result) {
		t.Errorf("got %v", slices.Collect(maps.Keys(got)))
	}
	for uid, want := range v.Result {
		if got[uid] != want.plain() {
			t.Errorf("UID %s: %+v", uid, got[uid])
		}
	}
}

func vectorMatch(t *testing.T, raw json.RawMessage) {
	var v struct {
		Kind    string  `json:"kind"`
		Name    string  `json:"name"`
		Bucket  string  `json:"bucket_name"`
		Account string  `json:"account_id"`
		Key     string  `json:"key"`
		Secret  string  `json:"secret"`
		OnChain *string `json:"on_chain"`
		Match   bool    `json:"match"`
	}
	strict(t, raw, &v)
	s := Settings{AccountID: v.Account, Bucket: v.Bucket, Read: Keys{v.Key, Secret(v.Secret)}}
	got := false
	if v.OnChain != nil {
		c, err := ParseCommitment([]byte(*v.OnChain))
		got = err == nil && s.Matches(c)
	}
	if got != v.Match {
		t.Errorf("%s: match %v", v.Name, got)
	}
}

// environment is the vectors' full set of variables with one replaced.
func environment(name, value string) Settings {
	env := map[string]string{
		"R2_BUCKET_ID": "bbb", "R2_ACCOUNT_ID": "bbb", "R2_READ_ACCESS_KEY_ID": "rk", "R2_READ_SECRET_ACCESS_KEY": "rs",
		"R2_WRITE_ACCESS_KEY_ID": "wk", "R2_WRITE_SECRET_ACCESS_KEY": "ws",
	}
	if name != "" {
		env[name] = value
	}
	return ReadSettings(func(n string) string { return env[n] })
}

func vectorLoad(t *testing.T, raw json.RawMessage) {
	var v struct {
		Kind     string   `json:"kind"`
		Missing  []string `json:"missing"`
		Fallback bool     `json:"fallback"`
		Result   *struct {
			Bucket  string    `json:"bucket"`
			Account string    `json:"account"`
			Read    [2]string `json:"read"`
			Write   [2]string `json:"write"`
		} `json:"result"`
		Error *string `json:"error"`
	}
	strict(t, raw, &v)
	s := environment("", "")
	for _, name := range v.Missing {
		one := environment(name, "")
		for _, f := range []struct{ have, from *string }{
			{&s.AccountID, &one.AccountID}, {&s.Bucket, &one.Bucket}, {&s.Write.AccessKeyID, &one.Write.AccessKeyID}, {&s.Read.AccessKeyID, &one.Read.AccessKeyID},
			{(*string)(&s.Write.SecretAccessKey), (*string)(&one.Write.SecretAccessKey)}, {(*string)(&s.Read.SecretAccessKey), (*string)(&one.Read.SecretAccessKey)},
		} {
			if *f.from == "" {
				*f.have = ""
			}
		}
	}
	err := s.Validate()
	switch {
	case v.Error != nil:
		if err == nil {
			t.Errorf("missing %v: accepted", v.Missing)
		}
	case v.Result.Read == v.Result.Write: // the reference publishes its write keys here; we must not
		wantIs(t, err, ErrPublishWrite)
	case err != nil || string(s.Read.SecretAccessKey) != v.Result.Read[1] || string(s.Write.SecretAccessKey) != v.Result.Write[1]:
		t.Errorf("missing %v: %v", v.Missing, err)
	}
}

// TestVectorsComms covers the kinds of storage/comms.json that are decisions of this package. The others record how the reference
// drives its own client library.
func TestVectorsComms(t *testing.T) {
	const file = "storage/comms.json"
	n, others := 0, map[string]int{}
	for _, raw := range cases(t, file) {
		n++
		switch kind := kindOf(t, raw); kind {
		case "upload_plan":
			var v struct {
				Kind  string     `json:"kind"`
				Size  int64      `json:"size"`
				OK    bool       `json:"ok"`
				Mode  string     `json:"mode"`
				Parts [][2]int64 `json:"parts"` // runs of parts: how many, of which size
				Ops   []string   `json:"ops"`
			}
			strict(t, raw, &v)
			part, _ := uploadPlan(v.Size)
			var parts [][2]int64
			for off := int64(0); part > 0 && off < v.Size; off += part {
				n := min(part, v.Size-off)
				if last := len(parts) - 1; last >= 0 && parts[last][1] == n {
					parts[last][0]++
				} else {
					parts = append(parts, [2]int64{1, n})
				}
			}
			if (part == 0) != (v.Mode == "single") || !slices.Equal(parts, v.Parts) {
				t.Errorf("size %d: parts %v, want %v", v.Size, parts, v.Parts)
			}
		case "backoff":
			var v struct {
				Kind      string  `json:"kind"`
				Attempt   int     `json:"attempt"`
				Throttled bool    `json:"throttled"`
				U         float64 `json:"u"`
				Delay     float64 `json:"delay"`
			}
			strict(t, raw, &v)
			if got := backoff(v.Attempt, v.Throttled, v.U).Seconds(); math.Abs(got-v.Delay) > 2e-9 {
				t.Errorf("%+v: %v", v, got)
			}
		case "is_throttle":
			var v struct {
				Kind   string `json:"kind"`
				Text   string `json:"text"`
				Result bool   `json:"result"`
			}
			strict(t, raw, &v)
			if got := isThrottle(v.Text); got != v.Result {
				t.Errorf("%q: %v", v.Text, got)
			}
		case "deadline":
			var v struct {
				Kind     string   `json:"kind"`
				Size     int64    `json:"size"`
				Offset   *float64 `json:"last_modified_minus_deadline"`
				Min      int64    `json:"min"`
				Max      int64    `json:"max"`
				Valid    bool     `json:"valid"`
				Late     bool     `json:"late"`
				BadSize  bool     `json:"bad_size"`
				Uploaded *float64 `json:"upload_time"`
			}
			strict(t, raw, &v)
			at := time.Unix(1700000000, 0)
			l := Limits{Min: v.Min, Max: v.Max}
			if v.Offset != nil {
				l.Deadline = at.Add(-time.Duration(*v.Offset * 1e9))
			}
			if p := l.judge(Info{Size: v.Size, LastModified: at}, false); p.Valid() != v.Valid || p.Late != v.Late || p.BadSize != v.BadSize {
				t.Errorf("%+v: %+v", v, p)
			}
		default:
			others[kind]++
			n-- // not compared
		}
	}
	vectortest.Count(t, file, n)
	t.Logf("kinds that are not this package's: %v", others)
}

func TestVectorsKeys(t *testing.T) {
	const file = "storage/paths.json"
	n := 0
	for _, raw := range cases(t, file) {
		if kindOf(t, raw) != "keys" {
			continue
		}
		n++
		var v struct {
			Kind          string `json:"kind"`
			Window        int64  `json:"window"`
			Prefix        string `json:"prefix"`
			Delta         string `json:"delta"`
			Full          string `json:"full"`
			DeltaMetadata string `json:"delta_metadata"`
			FullMetadata  string `json:"full_metadata"`
			Ready         string `json:"ready"`
		}
		strict(t, raw, &v)
		if CheckpointPrefix(v.Window) != v.Prefix+"/" || FullKey(v.Window, "metadata.json") != v.FullMetadata ||
			DeltaKey(v.Window, "metadata.json") != v.DeltaMetadata || ReadyKey(v.Window, v.Window+30) != v.Ready ||
			FullKey(v.Window, "") != v.Full+"/" || DeltaKey(v.Window, "") != v.Delta+"/" {
			t.Errorf("window %d", v.Window)
		}
	}
	vectortest.Count(t, file, n)
}

func TestErrorsAreDistinct(t *testing.T) {
	all := []error{ErrNotFound, ErrNoBucket, ErrAccessDenied, ErrChanged, ErrExists, ErrTooLarge, ErrRange, ErrContent, ErrKey, ErrCommitment, ErrPublishWrite, ErrSettings, ErrInjected, ErrRunning}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}
