package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config describes a bucket of an S3 store.
type S3Config struct {
	// Endpoint is the store's URL, such as https://<account>.r2.cloudflarestorage.com.
	Endpoint string
	Bucket   string
	// Region goes into signatures, us-east-1 when empty. R2 takes any.
	Region          string
	AccessKeyID     string
	SecretAccessKey Secret
	// PathStyle puts the bucket into the path, not into the host's name.
	PathStyle bool
	// ConnectTimeout, ReadTimeout and WriteTimeout bound one attempt: 3 s, 30 s (for a download: without any byte) and 90 s when zero.
	ConnectTimeout, ReadTimeout, WriteTimeout time.Duration
	// Transport makes the requests instead of one of its own, for tests.
	Transport http.RoundTripper
}

// S3 is a bucket of an S3 store. It is safe for concurrent use and keeps connections open.
type S3 struct {
	cfg       S3Config
	core      minio.Core
	transport http.RoundTripper
	sleep     func(context.Context, time.Duration) error
	random    func() float64
}

// NewS3 makes the client; it asks nobody yet.
func NewS3(cfg S3Config) (*S3, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("couldn't use object store endpoint %q: not an http or https URL", cfg.Endpoint)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("couldn't use object store endpoint %s://%s: it must be scheme and host only", u.Scheme, u.Host)
	}
	if cfg.Bucket == "" {
		return nil, errors.New("couldn't use object store: no bucket name")
	}
	setDefault(&cfg.Region, "us-east-1")
	setDefault(&cfg.ConnectTimeout, defaultConnectTimeout)
	setDefault(&cfg.ReadTimeout, defaultReadTimeout)
	setDefault(&cfg.WriteTimeout, defaultWriteTimeout)
	s := &S3{cfg: cfg, transport: cfg.Transport, sleep: sleep, random: random}
	if s.transport == nil {
		s.transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   2 * cfg.ConnectTimeout,
			ResponseHeaderTimeout: cfg.WriteTimeout,
			ExpectContinueTimeout: time.Second,
			MaxIdleConns:          maxPooled,
			MaxIdleConnsPerHost:   maxPooled / 8,
			IdleConnTimeout:       time.Minute,
			DisableCompression:    true,
		}
	}
	lookup := minio.BucketLookupAuto
	if cfg.PathStyle {
		lookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.AccessKeyID, string(cfg.SecretAccessKey), ""),
		Secure:       u.Scheme == "https",
		Region:       cfg.Region,
		BucketLookup: lookup,
		Transport:    s.transport,
		MaxRetries:   1, // attempts are counted here and not hidden there
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't use object store %s: %w", u.Host, err)
	}
	s.core = *core
	return s, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Name is the bucket's name.
func (s *S3) Name() string { return s.cfg.Bucket }

// Close lets go of idle connections.
func (s *S3) Close() error {
	if t, ok := s.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	return nil
}

func (s *S3) fail(op, key string, attempts int, err error) error {
	return &Error{Op: op, Bucket: s.cfg.Bucket, Key: key, Hint: hint(err), Attempts: attempts, Err: err}
}

func describe(o minio.ObjectInfo, key string) Info {
	return Info{Key: key, Size: o.Size, ETag: strings.Trim(o.ETag, `"`), LastModified: o.LastModified.UTC().Truncate(time.Second)}
}

// Head describes an object.
func (s *S3) Head(ctx context.Context, key string) (Info, error) {
	o, attempts, err := s.stat(ctx, key)
	if err != nil {
		return Info{}, s.fail("head", key, attempts, err)
	}
	return describe(o, key), nil
}

func (s *S3) stat(ctx context.Context, key string) (o minio.ObjectInfo, attempts int, err error) {
	if err := CheckKey(key); err != nil {
		return o, 0, err
	}
	attempts, err = s.attempt(ctx, s.cfg.ReadTimeout, func(ctx context.Context, _ int) (err error) {
		o, err = s.core.StatObject(ctx, s.cfg.Bucket, key, minio.StatObjectOptions{})
		return err
	})
	return o, attempts, err
}

// Get opens an object. Opening is tried several times; a body that breaks off is an error of its Read.
func (s *S3) Get(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, s.fail("get", key, 0, err)
	}
	var body *guarded
	var o minio.ObjectInfo
	attempts, err := s.attempt(ctx, s.cfg.ReadTimeout, func(bounded context.Context, _ int) error {
		// the body outlives the attempt: its own context ends with ctx, with Close, or when the store falls silent
		life, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(bounded, cancel)
		r, info, _, err := s.core.GetObject(life, s.cfg.Bucket, key, minio.GetObjectOptions{})
		if err != nil {
			cancel()
			return err
		}
		if !stop() { // the attempt ended just now
			r.Close()
			return bounded.Err()
		}
		o, body = info, &guarded{r: r, cancel: cancel, silence: s.cfg.ReadTimeout, left: info.Size, fail: func(err error) error {
			return s.fail("get", key, 1, err)
		}}
		return nil
	})
	if err != nil {
		return nil, Info{}, s.fail("get", key, attempts, err)
	}
	return body, describe(o, key), nil
}

// GetRange reads a part of an object.
func (s *S3) GetRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	const op = "get range of"
	if err := CheckKey(key); err != nil {
		return nil, s.fail(op, key, 0, err)
	}
	if off < 0 || n < 0 {
		return nil, s.fail(op, key, 0, fmt.Errorf("%w: offset %d, length %d", ErrRange, off, n))
	}
	if n == 0 {
		if ifMatch == "" {
			return nil, nil
		}
		info, err := s.Head(ctx, key)
		if err == nil && info.ETag != ifMatch {
			err = s.fail(op, key, 1, fmt.Errorf("%w: ETag is %s, not %s", ErrChanged, info.ETag, ifMatch))
		}
		return nil, err
	}
	var buf bytes.Buffer
	attempts, err := s.attempt(ctx, s.cfg.ReadTimeout, func(ctx context.Context, _ int) error {
		var opts minio.GetObjectOptions
		if err := opts.SetRange(off, off+n-1); err != nil {
			return fmt.Errorf("%w: %w", ErrRange, err)
		}
		if ifMatch != "" {
			if err := opts.SetMatchETag(ifMatch); err != nil {
				return err
			}
		}
		r, info, header, err := s.core.GetObject(ctx, s.cfg.Bucket, key, opts)
		if err != nil {
			return err
		}
		defer r.Close()
		if ifMatch != "" && strings.Trim(info.ETag, `"`) != ifMatch {
			return fmt.Errorf("%w: ETag is %s, not %s", ErrChanged, info.ETag, ifMatch)
		}
		if header.Get("Content-Range") == "" {
			return errors.New("store ignored the range")
		}
		buf.Reset()
		if _, err := buf.ReadFrom(io.LimitReader(r, n+1)); err != nil {
			return err
		}
		if int64(buf.Len()) != info.Size || info.Size > n {
			return fmt.Errorf("%w: %d bytes arrived of %d, %d asked for", ErrContent, buf.Len(), info.Size, n)
		}
		return nil
	})
	if err != nil {
		return nil, s.fail(op, key, attempts, err)
	}
	return buf.Bytes(), nil
}

// Delete removes an object.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return s.fail("delete", key, 0, err)
	}
	attempts, err := s.attempt(ctx, s.cfg.ReadTimeout, func(ctx context.Context, _ int) error {
		return s.core.RemoveObject(ctx, s.cfg.Bucket, key, minio.RemoveObjectOptions{})
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return s.fail("delete", key, attempts, err)
	}
	return nil
}

// List gives the objects under prefix, a page of 1,000 a request. A page that fails is asked for again from the last key on.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(Info{}, s.fail("list", prefix, 0, err))
			return
		}
		after := ""
		for {
			var page []Info
			attempts, err := s.attempt(ctx, s.cfg.ReadTimeout, func(ctx context.Context, _ int) (err error) {
				page, err = s.page(ctx, prefix, after)
				return err
			})
			if err != nil {
				yield(Info{}, s.fail("list", prefix, attempts, err))
				return
			}
			for _, info := range page {
				if !yield(info, nil) {
					return
				}
				after = info.Key
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

const pageSize = 1000

func (s *S3) page(ctx context.Context, prefix, after string) ([]Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var page []Info
	objects := s.core.Client.ListObjects(ctx, s.cfg.Bucket, minio.ListObjectsOptions{
		Prefix: prefix, StartAfter: after, Recursive: true, MaxKeys: pageSize,
	})
	for o := range objects {
		if o.Err != nil {
			return nil, o.Err
		}
		if strings.HasSuffix(o.Key, "/") {
			continue // a folder's marker that some tools leave
		}
		if !strings.HasPrefix(o.Key, prefix) || o.Key <= after {
			return nil, fmt.Errorf("store listed %.80q, which is not after %.80q under %.80q", o.Key, after, prefix)
		}
		if page = append(page, describe(o, o.Key)); len(page) == pageSize {
			break
		}
	}
	return page, ctx.Err()
}

// guarded is a body that fails when the store is silent for too long or stops early.
type guarded struct {
	r       io.ReadCloser
	cancel  context.CancelFunc
	silence time.Duration
	left    int64
	fail    func(error) error
}

func (g *guarded) Read(p []byte) (int, error) {
	timer := time.AfterFunc(g.silence, g.cancel)
	n, err := g.r.Read(p)
	if !timer.Stop() && err != nil && !errors.Is(err, io.EOF) {
		return n, g.fail(fmt.Errorf("no byte for %s: %w", g.silence, context.DeadlineExceeded))
	}
	g.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && g.left > 0:
		return n, g.fail(fmt.Errorf("%w: %d bytes are missing", ErrContent, g.left))
	case err != nil && !errors.Is(err, io.EOF):
		return n, g.fail(err)
	}
	return n, err
}

func (g *guarded) Close() error {
	g.cancel()
	return g.r.Close()
}
