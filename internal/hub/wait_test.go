package hub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// trip answers requests without a network, so that time can be simulated.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body io.Reader, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body), ContentLength: -1}
}

// drip gives n bytes each time, after a pause.
type drip struct {
	ctx   context.Context
	every time.Duration
	n     int
	text  string
}

func (d *drip) Read(p []byte) (int, error) {
	if d.text == "" {
		return 0, io.EOF
	}
	if err := sleep(d.ctx, d.every); err != nil {
		return 0, err
	}
	n := copy(p[:min(len(p), d.n)], d.text)
	d.text = d.text[n:]
	return n, nil
}

func simulated(t *testing.T, change func(*Options), f trip) *Client {
	t.Helper()
	opt := Options{Transport: f}
	if change != nil {
		change(&opt)
	}
	c, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const infoText = `{"sha":"` + testCommit + `","siblings":[]}`

// good answers the two questions of Resolve.
func good(r *http.Request) *http.Response {
	if strings.Contains(r.URL.Path, "/tree/") {
		return answer(200, strings.NewReader("[]"))
	}
	return answer(200, strings.NewReader(infoText))
}

// TestRetryAfterHoldsEverybody sends nothing while the endpoint wants to be left alone, whichever request it told.
func TestRetryAfterHoldsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var told atomic.Bool
		var mu sync.Mutex
		var early []time.Duration
		c := simulated(t, nil, func(r *http.Request) (*http.Response, error) {
			past := time.Since(start)
			if told.CompareAndSwap(false, true) {
				return answer(429, http.NoBody, "Retry-After", "40"), nil
			}
			if past < 40*time.Second {
				mu.Lock()
				early = append(early, past)
				mu.Unlock()
			}
			return good(r), nil
		})
		var g sync.WaitGroup
		for i := range 5 {
			g.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if _, err := c.Resolve(t.Context(), testRef); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
		if len(early) > 0 {
			t.Errorf("requests came after %v", early)
		}
		if past := time.Since(start); past < 40*time.Second || past > 45*time.Second {
			t.Errorf("it took %v", past)
		}
	})
}

func TestRetryAfterTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := simulated(t, nil, func(*http.Request) (*http.Response, error) {
			return answer(503, http.NoBody, "Retry-After", "121"), nil
		})
		_, err := c.Resolve(t.Context(), testRef)
		if !errors.Is(err, ErrThrottled) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestWaitEndsWithContext doesn't sit out what the endpoint asked for when the caller is gone.
func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		c := simulated(t, nil, func(*http.Request) (*http.Response, error) {
			return answer(429, http.NoBody, "Retry-After", "100"), nil
		})
		_, err := c.Resolve(ctx, testRef)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 7*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), 0
		c := simulated(t, nil, func(*http.Request) (*http.Response, error) { n++; return nil, errors.New("no route") })
		_, err := c.Resolve(t.Context(), testRef)
		var h interface{ Hint() string }
		if !errors.Is(err, ErrOffline) || !errors.As(err, &h) || !strings.Contains(h.Hint(), "HF_ENDPOINT") {
			t.Errorf("got %v", err)
		}
		// 0.5+1+2+4+8 s, each halved at most.
		if past := time.Since(start); n != 6 || past < 7750*time.Millisecond || past > 15500*time.Millisecond {
			t.Errorf("%d requests in %v", n, past)
		}
	})
}

// TestStalls gives up what doesn't move, whether before the answer or within it, and bears with what is only slow.
func TestStalls(t *testing.T) {
	long := infoText + strings.Repeat(" ", 40<<10)
	for _, c := range []struct {
		name string
		f    func(*http.Request) (*http.Response, error)
		want error
		time time.Duration
	}{
		{"no answer", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, ErrStalled, 30 * time.Second},
		{"nothing of the body", func(r *http.Request) (*http.Response, error) {
			return answer(200, &drip{r.Context(), time.Hour, 1, long}), nil
		}, ErrStalled, 30 * time.Second},
		{"drops", func(r *http.Request) (*http.Response, error) {
			return answer(200, &drip{r.Context(), time.Second, 10, long}), nil
		}, ErrStalled, 30 * time.Second},
		{"slow", func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "/tree/") {
				return good(r), nil
			}
			return answer(200, &drip{r.Context(), 300 * time.Millisecond, 512, long}), nil
		}, nil, 0},
		{"too slow for a question", func(r *http.Request) (*http.Response, error) {
			return answer(200, &drip{r.Context(), time.Second, 512, long}), nil
		}, ErrStalled, 60 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				client := simulated(t, func(o *Options) { o.Attempts = 1 }, c.f)
				_, err := client.Resolve(t.Context(), testRef)
				if !errors.Is(err, c.want) || c.time > 0 && time.Since(start) != c.time {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// TestWatchCountsWaitingOnly doesn't blame the network for a slow disk.
func TestWatchCountsWaitingOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := simulated(t, nil, func(r *http.Request) (*http.Response, error) {
			return answer(200, &drip{r.Context(), time.Second, 100, strings.Repeat("x", 500)}), nil
		})
		r, err := c.get(t.Context(), request{method: http.MethodGet, address: c.address("x")})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		buf := make([]byte, 100)
		for i := range 5 {
			if _, err := r.Read(buf); err != nil {
				t.Fatalf("read %d: %v", i, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestPause(t *testing.T) {
	for _, c := range []struct {
		n           int
		least, most time.Duration
	}{
		{1, 250 * time.Millisecond, 500 * time.Millisecond}, {3, time.Second, 2 * time.Second}, {7, 15 * time.Second, 30 * time.Second}, {1000, 15 * time.Second, 30 * time.Second},
	} {
		if least, most := pause(c.n, 0), pause(c.n, 1); least != c.least || most != c.most {
			t.Errorf("pause %d is %v to %v, want %v to %v", c.n, least, most, c.least, c.most)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			text string
			want time.Duration
		}{
			{"", 0}, {"0", 0}, {"12", 12 * time.Second}, {" 3 ", 3 * time.Second}, {"-1", 0}, {"1.5", 0}, {"x", 0}, {"99999999999999", 0},
			{time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), 90 * time.Second},
			{time.Now().Add(-90 * time.Second).UTC().Format(http.TimeFormat), 0},
		} {
			if got := retryAfter(c.text); got != c.want {
				t.Errorf("%q: %v, want %v", c.text, got, c.want)
			}
		}
	})
}
