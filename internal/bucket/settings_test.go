package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func validSettings() Settings {
	return Settings{AccountID: "abc123", Bucket: "abc123", Write: Keys{"wk", "write-secret"}, Read: Keys{"rk", "read-secret"}}
}

func TestSettings(t *testing.T) {
	good := validSettings()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Settings)
		want   error
	}{
		"no account":      {func(s *Settings) { s.AccountID = "" }, ErrSettings},
		"no write secret": {func(s *Settings) { s.Write.SecretAccessKey = "" }, ErrSettings},
		"no read keys":    {func(s *Settings) { s.Read = Keys{} }, ErrPublishWrite},
		"same keys":       {func(s *Settings) { s.Read = s.Write }, ErrPublishWrite},
		"same secret":     {func(s *Settings) { s.Read.SecretAccessKey = s.Write.SecretAccessKey }, ErrPublishWrite},
		"other bucket":    {func(s *Settings) { s.Bucket = "other" }, ErrSettings},
		"a URL":           {func(s *Settings) { s.AccountID, s.Bucket = "evil.test/#", "evil.test/#" }, ErrSettings},
	} {
		s := good
		c.change(&s)
		if err := s.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Published(); !errors.Is(err, c.want) {
			t.Errorf("%s: published in spite of it: %v", name, err)
		}
	}
	pub, err := good.Published()
	if err != nil || pub != (ReadCredentials{"abc123", "rk", "read-secret"}) || !good.Matches(pub) {
		t.Errorf("%+v %v", pub, err)
	}
	b, err := pub.EncodeCommitment()
	if err != nil || len(b) != CommitmentSize || bytes.Contains(b, []byte("write")) {
		t.Errorf("%q %v", b, err)
	}
	if own := good.Own(); own.Endpoint != "https://abc123.r2.cloudflarestorage.com" || own.AccessKeyID != "wk" || own.Bucket != "abc123" {
		t.Errorf("%+v", own)
	}
	good.Endpoint, good.PathStyle = "http://127.0.0.1:9000", true
	peer, err := good.Peer(ReadCredentials{"peer", "k", "s"})
	if err != nil || peer.Endpoint != good.Endpoint || peer.Bucket != "peer" || peer.AccessKeyID != "k" || !peer.PathStyle {
		t.Errorf("%+v %v", peer, err)
	}
	for _, account := range []string{"", "a", "x.y", "a/b", "A", "-aa", "aa-", "a@b:c", strings.Repeat("a", 64), "aä"} {
		if _, err := good.Peer(ReadCredentials{account, "k", "s"}); !errors.Is(err, ErrSettings) {
			t.Errorf("account %q: %v", account, err)
		}
	}
}

func TestReadSettings(t *testing.T) {
	for value, want := range map[string]bool{"1": true, " TRUE ": true, "yes": true, "": false, "0": false, "on": false} {
		s := ReadSettings(func(name string) string {
			if name == "R2_FORCE_PATH_STYLE" {
				return value
			}
			return "  " + name + "\n"
		})
		if s.PathStyle != want || s.AccountID != "R2_ACCOUNT_ID" || string(s.Read.SecretAccessKey) != "R2_READ_SECRET_ACCESS_KEY" || s.Endpoint != "R2_ENDPOINT_URL" {
			t.Errorf("%q: %+v", value, s)
		}
	}
}

// TestSecretsStaySecret prints settings in every way.
func TestSecretsStaySecret(t *testing.T) {
	s := validSettings()
	var b bytes.Buffer
	for _, v := range []any{s, &s, s.Write, s.Write.SecretAccessKey, s.Own(), BucketKeys{Write: s.Write, Read: s.Read}} {
		fmt.Fprintf(&b, "%v %+v %#v %s %q %x %d\n", v, v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		j, err := json.Marshal(v)
		if err == nil {
			b.Write(j)
		}
	}
	for _, secret := range []string{"write-secret", "read-secret", fmt.Sprintf("%x", "write-secret")} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%s shows in %s", secret, b.String())
		}
	}
	if !strings.Contains(b.String(), redacted) {
		t.Error("nothing was printed")
	}
}

func TestProbe(t *testing.T) {
	ctx := t.Context()
	now := time.Unix(1_800_000_000, 0)
	d := openDir(t, t.TempDir(), func() time.Time { return now })
	limits := Limits{Min: 200, Max: 1000, Deadline: now}
	probe := func(gzip bool, l Limits) Presence {
		t.Helper()
		p, err := Probe(ctx, d, "k", gzip, l)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := probe(true, limits); p.Exists || p.Valid() {
		t.Errorf("%+v", p)
	}
	mustPut(t, ctx, d, "k", content(500))
	if p := probe(true, limits); !p.Valid() || p.Compressed || p.Info.Size != 500 {
		t.Errorf("%+v", p)
	}
	late := limits
	late.Deadline = now.Add(-time.Second)
	if p := probe(false, late); p.Valid() || !p.Late || p.BadSize {
		t.Errorf("%+v", p)
	}
	mustPut(t, ctx, d, "k.gz", content(5)) // the first that exists decides
	if p := probe(true, limits); p.Valid() || !p.BadSize || !p.Compressed {
		t.Errorf("%+v", p)
	}
	if p := probe(false, limits); !p.Valid() {
		t.Errorf("%+v", p)
	}
	f := &Faulty{Bucket: d, Choose: func(Call) Fault { return Fails }}
	if _, err := Probe(ctx, f, "k", true, limits); !errors.Is(err, ErrInjected) {
		t.Errorf("an unreachable store was taken for absence: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := Probe(ended, d, "k", true, limits)
	wantIs(t, err, context.Canceled)
}

func FuzzParseCommitment(f *testing.F) {
	b, err := (ReadCredentials{"abc", "k", "s"}).EncodeCommitment()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(strings.Repeat("é", 128)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommitment(b)
		if err != nil {
			wantIs(t, err, ErrCommitment)
			return
		}
		text, err := c.CommitmentText()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseCommitment([]byte(text)); err != nil || again != c {
			t.Errorf("%+v became %+v, %v", c, again, err)
		}
	})
}

func FuzzCheckKey(f *testing.F) {
	for _, k := range badKeys {
		f.Add(k)
	}
	f.Add("grail/windows/x.parquet")
	root := f.TempDir()
	d, err := OpenDir(DirConfig{Root: root})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) == nil && !strings.HasPrefix(d.path(key), root+"/") {
			t.Errorf("%q leads to %s", key, d.path(key))
		}
	})
}
