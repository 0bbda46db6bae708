package hub

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// request is one question: the bytes [from, to) of an address, or all of it where to is 0.
type request struct {
	method   string
	address  *url.URL
	from, to int64
}

// response is the last answer of a chain of redirects, with what the endpoint said about the file on the way. Read gives plain bytes; it fails
// with a passing ErrStalled or ErrOffline.
type response struct {
	status int
	header http.Header
	body   io.Reader
	// commit, sha256, blob, linkedSize and etag come from the endpoint itself; linkedSize is -1 where it said none.
	commit, sha256, blob, etag string
	linkedSize, length         int64
	encoded                    bool

	raw  io.Closer
	stop func()
}

// Close ends the transfer, finished or not.
func (r *response) Close() { r.stop(); _ = r.raw.Close() }

// size is the length of the whole file, -1 if unknown.
func (r *response) size() int64 {
	if r.linkedSize >= 0 {
		return r.linkedSize
	}
	if r.encoded || r.status != http.StatusOK {
		return -1
	}
	return r.length
}

// checkCommit holds the answer to the commit that was asked for, where the endpoint names one.
func (r *response) checkCommit(want string) error {
	if r.commit != "" && r.commit != want {
		return fmt.Errorf("%w: it serves a file of commit %s instead of %s", ErrProtocol, quote(r.commit), want)
	}
	return nil
}

// get asks once and follows redirects. The token goes to the endpoint only: once a redirect has left it, no later request carries the token,
// even if it leads back. The transfer is given up when Options.Stall passes without data.
func (c *Client) get(ctx context.Context, q request) (*response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := newWatch(c.opt.Stall, func() { cancel(ErrStalled) })
	r := &response{linkedSize: -1, stop: func() { w.stop(); cancel(nil) }}
	at, home := q.address, true
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(ctx, q.method, at.String(), nil)
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("%w: an address can't be used", ErrProtocol)
		}
		req.Header.Set("User-Agent", "nanteos")
		req.Header.Set("Accept-Encoding", "identity")
		if home = home && c.isHome(at); home && c.opt.Token != "" {
			req.Header.Set("Authorization", "Bearer "+string(c.opt.Token))
		}
		if q.to > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", q.from, q.to-1))
		}
		resp, err := c.http.Do(req)
		if err != nil {
			err = broken(ctx, at.Host, err)
			r.stop()
			return nil, err
		}
		if home {
			r.learn(resp.Header)
		}
		if !isRedirect(resp.StatusCode) {
			return r.finish(ctx, resp, w, at.Host, home)
		}
		_ = resp.Body.Close()
		if q.method == http.MethodHead && r.linkedSize >= 0 && (r.sha256 != "" || r.blob != "") {
			r.status, r.raw = resp.StatusCode, resp.Body
			return r, nil // everything is known without the other host
		}
		next, err := resp.Location()
		if err == nil {
			err = checkRedirect(at, next)
		}
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("%w: %s redirects to an address that can't be followed", ErrProtocol, at.Host)
		}
		at = next
	}
	r.stop()
	return nil, fmt.Errorf("%w: more than %d redirects", ErrProtocol, maxRedirects)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// checkRedirect refuses addresses that are not of the web, hold a password, or give up encryption.
func checkRedirect(from, to *url.URL) error {
	if to.Host == "" || to.User != nil || to.Scheme != "https" && (to.Scheme != "http" || from.Scheme == "https") {
		return ErrProtocol
	}
	return nil
}

// learn takes what the endpoint says about the file.
func (r *response) learn(h http.Header) {
	if v := h.Get("X-Repo-Commit"); v != "" {
		r.commit = v
	}
	if n, err := strconv.ParseInt(h.Get("X-Linked-Size"), 10, 64); err == nil && n >= 0 {
		r.linkedSize = n
	}
	linked, plain := entityTag(h.Get("X-Linked-Etag")), entityTag(h.Get("Etag"))
	switch {
	case sha256Text.MatchString(linked):
		r.sha256 = linked
	case sha1Text.MatchString(linked):
		r.blob = linked
	case r.commit != "" && sha1Text.MatchString(plain):
		r.blob = plain // only a server that knows commits names blobs by them
	}
	if tag := orElse(linked, plain); tag != "" {
		r.etag = tag
	}
}

// entityTag is a tag without its quotes.
func entityTag(s string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(s), "W/"), `"`)
}

// finish takes the last answer of the chain, or says why it is none.
func (r *response) finish(ctx context.Context, resp *http.Response, w *watch, host string, home bool) (*response, error) {
	r.status, r.header, r.raw, r.length = resp.StatusCode, resp.Header, resp.Body, resp.ContentLength
	if r.etag == "" {
		r.etag = entityTag(resp.Header.Get("Etag"))
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		r.Close()
		return nil, statusError(resp, host, home)
	}
	plain := &watched{ctx: ctx, r: resp.Body, w: w, host: host}
	r.body = plain
	switch encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		// Nobody asked for it, but proxies and careless servers do it.
		r.encoded, r.body = true, &gunzip{in: bufio.NewReader(plain)}
	default:
		r.Close()
		return nil, fmt.Errorf("%w: %s encodes its answer as %s", ErrProtocol, host, quote(encoding))
	}
	return r, nil
}

// Read gives plain bytes.
func (r *response) Read(p []byte) (int, error) { return r.body.Read(p) }

// gunzip decodes while it reads, so that a header that never comes is noticed by the reader below.
type gunzip struct {
	in *bufio.Reader
	z  *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		z, err := gzip.NewReader(g.in)
		if err != nil {
			return 0, g.failed(err)
		}
		g.z = z
	}
	n, err := g.z.Read(p)
	if err != nil && err != io.EOF {
		err = g.failed(err)
	}
	return n, err
}

func (g *gunzip) failed(err error) error {
	if p := (passing{}); errors.As(err, &p) {
		return err
	}
	return passing{error: fmt.Errorf("%w: the compressed answer is damaged", ErrProtocol)}
}

// watched is the body of an answer: each Read has a deadline, and failures are passing ones.
type watched struct {
	ctx  context.Context
	r    io.Reader
	w    *watch
	host string
}

func (b *watched) Read(p []byte) (int, error) {
	b.w.start()
	n, err := b.r.Read(p)
	b.w.got(n)
	if err != nil && err != io.EOF {
		err = broken(b.ctx, b.host, err)
	}
	return n, err
}

// watch calls a function when too little arrives for too long. Only time spent waiting for the network counts.
type watch struct {
	limit, left time.Duration
	timer       *time.Timer
	since       time.Time
	bytes       int
}

func newWatch(limit time.Duration, stalled func()) *watch {
	return &watch{limit: limit, left: limit, timer: time.AfterFunc(limit, stalled), since: time.Now()}
}

// start begins a wait.
func (w *watch) start() {
	if w.since.IsZero() {
		w.since = time.Now()
		w.timer.Reset(w.left)
	}
}

// got ends a wait in which n bytes arrived.
func (w *watch) got(n int) {
	w.timer.Stop()
	w.left = max(w.left-time.Since(w.since), 0)
	w.since = time.Time{}
	if w.bytes += n; w.bytes >= leastProgress {
		w.bytes, w.left = 0, w.limit
	}
}

func (w *watch) stop() { w.timer.Stop() }

// broken is a failure of the connection: passing, without the address, whose query may be a signature.
func broken(ctx context.Context, host string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, ErrStalled) {
			return passing{error: fmt.Errorf("%w: nothing came from %s for too long", ErrStalled, host)}
		}
		return cause
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return passing{error: fmt.Errorf("%w: %s ended the transfer early", ErrOffline, host)}
	}
	return passing{error: fmt.Errorf("%w: %s: %w", ErrOffline, host, err)}
}

// question asks the API for one JSON answer, with retries.
func (c *Client) question(ctx context.Context, tell retryTell, address *url.URL) (body []byte, header http.Header, err error) {
	err = c.attempt(ctx, tell, func(ctx context.Context) (bool, error) {
		bounded, cancel := context.WithTimeoutCause(ctx, apiTimeout, ErrStalled)
		defer cancel()
		r, err := c.get(bounded, request{method: http.MethodGet, address: address})
		if err != nil {
			return false, err
		}
		defer r.Close()
		header = r.header
		body, err = io.ReadAll(io.LimitReader(r, maxJSON+1))
		switch {
		case err != nil:
			return false, err
		case len(body) > maxJSON:
			return false, fmt.Errorf("%w: an answer of more than %d MiB", ErrTooLarge, maxJSON>>20)
		}
		return true, nil
	})
	return body, header, err
}
