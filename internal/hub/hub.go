// Package hub gets models and datasets from a Hugging Face endpoint: huggingface.co, a mirror of it, or whatever else speaks its three requests.
//
//	GET  /api/models/{id}/revision/{revision}     which commit a name stands for, and its files
//	GET  /api/models/{id}/tree/{commit}           sizes and checksums, a page at a time
//	GET  /{id}/resolve/{commit}/{file}            a file, most often by a redirect to another host
//
// For a dataset they begin with /api/datasets/ and /datasets/. What follows says "model" and means either.
//
// A pull fixes the commit first and then asks for nothing but that commit, so that a model is never put together from two of them. Files are
// fetched in ranges by a bounded number of workers into a staging folder beside the target; what has arrived is journalled, so that the next
// pull goes on where an interrupted or killed one stopped. Every file is held against its checksum (SHA-256 for large files, git's
// blob SHA-1 for small ones), and the target appears by one rename: complete, or not at all.
//
// The endpoint and the hosts that it names are not trusted. File names are checked before they touch the disk, bodies are bounded, every wait
// has an end, the token goes to the endpoint's own host and over TLS, and no error repeats it or the query of a signed address.
package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Errors that callers decide by.
var (
	// ErrReference: the text is not ORG/NAME[@revision].
	ErrReference = errors.New("reference is not ORG/NAME[@revision]")
	// ErrEndpoint: the address of the endpoint can't be used.
	ErrEndpoint = errors.New("unusable endpoint")
	// ErrDenied: the endpoint wants a token, another token, or an accepted licence.
	ErrDenied = errors.New("access denied")
	// ErrNotFound: the endpoint has no such model, revision or file.
	ErrNotFound = errors.New("not found")
	// ErrOffline: the endpoint or the host it names can't be reached.
	ErrOffline = errors.New("unreachable")
	// ErrThrottled: the endpoint asks to wait longer than a pull is ready to.
	ErrThrottled = errors.New("rate limited")
	// ErrProtocol: the endpoint answers something that its protocol doesn't have.
	ErrProtocol = errors.New("unexpected answer")
	// ErrStalled: no data came for too long.
	ErrStalled = errors.New("transfer stalled")
	// ErrChecksum: the bytes are not those of the commit.
	ErrChecksum = errors.New("checksum differs")
	// ErrUnsafeName: the endpoint names a file that must not be written.
	ErrUnsafeName = errors.New("unsafe file name")
	// ErrTooLarge: a limit of the pull is exceeded.
	ErrTooLarge = errors.New("too large")
	// ErrNoFiles: the model has nothing that was asked for, or that the engine can read.
	ErrNoFiles = errors.New("no fitting files")
	// ErrSpace: the disk is too full.
	ErrSpace = errors.New("not enough disk space")
	// ErrBusy: another pull writes the same folder.
	ErrBusy = errors.New("already being pulled")
	// ErrFolder: the folder holds something else.
	ErrFolder = errors.New("folder holds something else")
)

// DefaultEndpoint is asked where nothing else is configured.
const DefaultEndpoint = "https://huggingface.co"

// Options configure a Client. The zero value asks huggingface.co without a token.
type Options struct {
	// Endpoint is the address of the server, http or https, with an optional path. HF_ENDPOINT.
	Endpoint string
	// Token is sent to the endpoint and to nobody else. HF_TOKEN.
	Token Token
	// Parallel is the number of transfers at the same time, 1 to 64. 0: 6.
	Parallel int
	// Chunk is the length of a range in bytes, at least 64 kB. 0: 32 MiB.
	Chunk int64
	// Stall is how long a transfer may go without data. 0: 30 s.
	Stall time.Duration
	// Patience bounds each wait that the endpoint asks for with Retry-After. 0: 2 min.
	Patience time.Duration
	// Attempts is how often a request is tried without gaining anything. 0: 6.
	Attempts int
	// MaxBytes bounds a whole model. 0: 1 TiB.
	MaxBytes int64
	// Transport carries requests; nil: a transport of its own that heeds the proxy variables of the process.
	Transport http.RoundTripper
}

// Limits on what an endpoint may say.
const (
	maxJSON      = 32 << 20 // bytes of one answer
	maxPages     = 200      // pages of a tree
	maxListed    = 100_000  // files of a model
	maxChosen    = 2_000    // files of a pull
	maxRedirects = 8
	// apiTimeout bounds one question to the API, from connecting to the last byte.
	apiTimeout = 60 * time.Second
	// leastProgress is what must arrive in each Options.Stall, in bytes.
	leastProgress = 4 << 10
)

// Client asks one endpoint. It is safe for concurrent use.
type Client struct {
	opt    Options
	base   *url.URL
	http   *http.Client
	gate   gate
	tokens chan struct{} // one for each transfer
	// free tells how many bytes can be written to the disk of a folder; false where the system doesn't say.
	free      func(dir string) (uint64, bool)
	saveEvery int64
	// pause is how long to wait after the n-th failure in a row.
	pause func(n int) time.Duration
}

// New checks the options. Errors wrap ErrEndpoint.
func New(opt Options) (*Client, error) {
	if opt.Endpoint == "" {
		opt.Endpoint = DefaultEndpoint
	}
	u, err := url.Parse(strings.TrimRight(opt.Endpoint, "/"))
	refuse := func(what, hint string) error {
		return hinted{fmt.Errorf("couldn't use the endpoint: %w: %s", ErrEndpoint, what), hint}
	}
	example := "HF_ENDPOINT is an address such as " + DefaultEndpoint
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, refuse("it is no http or https address", example)
	case u.User != nil:
		return nil, refuse("it holds a name or password", "give the token in HF_TOKEN and the address without it")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, refuse("it holds a query or fragment", example)
	case opt.Token != "" && u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, refuse("the token would be sent in clear text", "use an https address, or unset HF_TOKEN")
	case !opt.Token.valid():
		return nil, hinted{fmt.Errorf("couldn't use the token: %w: it holds spaces or control characters, or is too long", ErrDenied), "set HF_TOKEN to the token alone"}
	}
	opt.Parallel = min(max(orElse(opt.Parallel, 6), 1), 64)
	opt.Chunk = max(orElse(opt.Chunk, 32<<20), 64<<10)
	opt.Stall = orElse(opt.Stall, 30*time.Second)
	opt.Patience = orElse(opt.Patience, 2*time.Minute)
	opt.Attempts = max(orElse(opt.Attempts, 6), 1)
	opt.MaxBytes = orElse(opt.MaxBytes, 1<<40)
	if opt.Transport == nil {
		opt.Transport = newTransport(opt.Parallel)
	}
	c := &Client{opt: opt, base: u, free: freeBytes, saveEvery: saveEvery, tokens: make(chan struct{}, opt.Parallel)}
	c.pause = func(n int) time.Duration { return pause(n, rand.Float64()) }
	c.http = &http.Client{
		Transport:     opt.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// newTransport bounds every phase before the body; the body is watched by whoever reads it.
func newTransport(parallel int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    parallel,
		MaxResponseHeaderBytes: 256 << 10,
		ForceAttemptHTTP2:      true,
		// Ranges count bytes of the file, not of a compressed form of it.
		DisableCompression: true,
	}
}

// Endpoint is the address that the client asks.
func (c *Client) Endpoint() string { return c.base.String() }

// gate holds back every request after the endpoint asked one of them to slow down.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

// close holds requests back for d.
func (g *gate) close(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := time.Now().Add(d); t.After(g.until) {
		g.until = t
	}
}

// left is how long requests have to wait.
func (g *gate) left() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }
