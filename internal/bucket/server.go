package bucket

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// Server is an S3 server in this process, for networks on one machine and for tests: versitygw over a directory. Requests are signed
// (signature version 4) and checked for real.
//
// Rights: each bucket has a policy that names two access keys. The write key may read, write, delete and list in this bucket, the read
// key may read and list. No key may do anything in another bucket, none may change policies, and without a key there is nothing.
// versitygw's own roles cannot express that (a user owns whole buckets), its bucket policies can.
//
// versitygw keeps state in package variables, so one server runs per process at a time; a second StartServer fails with ErrRunning.
// The time stamps of objects are those of the file system, that is of the machine's clock.
type Server struct {
	endpoint string
	backend  *rooted
	iam      *accounts
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
	unlock   sync.Once
}

// ErrRunning: another Server runs in this process.
var ErrRunning = errors.New("an S3 server runs already in this process")

var serverRunning sync.Mutex

// ServerConfig describes an embedded S3 server.
type ServerConfig struct {
	// Dir is the folder that holds the buckets; it is made if missing.
	Dir string
	// Address is host and port to listen on, 127.0.0.1 and any free port when empty. Port 0 is any free port.
	Address string
	// Region that requests must be signed for, us-east-1 when empty.
	Region string
}

// Keys is an access key and its secret.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey Secret
}

// BucketKeys are the two pairs of a bucket.
type BucketKeys struct{ Write, Read Keys }

// NewBucketKeys makes random pairs of the form that commitments carry: 32 and 64 hex digits.
func NewBucketKeys() BucketKeys {
	return BucketKeys{Write: newKeys(), Read: newKeys()}
}

func newKeys() Keys {
	var b [48]byte
	_, _ = rand.Read(b[:]) // never fails
	return Keys{AccessKeyID: hex.EncodeToString(b[:16]), SecretAccessKey: Secret(hex.EncodeToString(b[16:]))}
}

// StartServer starts the server and returns when it answers. ctx bounds the start only; Close ends the server.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	if !serverRunning.TryLock() {
		return nil, fmt.Errorf("couldn't start S3 server: %w", ErrRunning)
	}
	s, err := startServer(ctx, cfg)
	if err != nil {
		serverRunning.Unlock()
		return nil, err
	}
	return s, nil
}

func startServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	root, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't start S3 server in %s: %w", cfg.Dir, err)
	}
	setDefault(&cfg.Address, "127.0.0.1:0")
	setDefault(&cfg.Region, "us-east-1")
	for try := 0; ; try++ {
		s, err := listen(ctx, root, cfg)
		if err == nil {
			return s, nil
		}
		// a free port found a moment ago may have been taken since
		if _, port, _ := net.SplitHostPort(cfg.Address); port != "0" || try >= 5 || ctx.Err() != nil {
			return nil, fmt.Errorf("couldn't start S3 server on %s: %w", cfg.Address, err)
		}
	}
}

func listen(ctx context.Context, root string, cfg ServerConfig) (*Server, error) {
	be, err := openBackend(root)
	if err != nil {
		return nil, err
	}
	probe, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		be.Shutdown()
		return nil, err
	}
	address := probe.Addr().String()
	probe.Close()
	super := newKeys() // known to nobody: buckets are made without the network
	run, cancel := context.WithCancel(context.Background())
	s := &Server{
		endpoint: "http://" + address, backend: be, cancel: cancel, done: make(chan struct{}),
		iam: &accounts{root: auth.Account{Access: super.AccessKeyID, Secret: string(super.SecretAccessKey), Role: auth.RoleAdmin}, users: map[string]auth.Account{}},
	}
	go func() {
		defer close(s.done)
		s.err = embedgw.RunVersityGW(run, be, &embedgw.Config{
			RootUserAccess: super.AccessKeyID, RootUserSecret: string(super.SecretAccessKey),
			Region: cfg.Region, Ports: []string{address}, IAMService: s.iam,
			MaxConnections: 1024, MaxRequests: 512, MultipartMaxParts: 10000,
			Quiet: true, HealthPath: healthPath, DisableACLs: true,
			// With KeepAlive it writes "400 Bad Request" to every idle connection when it ends, and each client logs that.
			KeepAlive: false,
		})
	}()
	if err := s.waitHealthy(ctx); err != nil {
		cancel()
		<-s.done
		return nil, errors.Join(err, s.err)
	}
	return s, nil
}

const healthPath = "/nanteos-health"

func (s *Server) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+healthPath, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return errors.New("server ended at once")
		case <-ctx.Done():
			return fmt.Errorf("server does not answer: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// openBackend opens versitygw's directory backend. It changes the working directory, which is changed back at once; see rooted.
func openBackend(root string) (*rooted, error) {
	buckets, sidecar := filepath.Join(root, "buckets"), filepath.Join(root, "meta")
	for _, d := range []string{buckets, sidecar} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("couldn't make folder of S3 server: %w", err)
		}
	}
	// Object metadata go into extended attributes; where the file system has none, into files beside. A folder stays with what it
	// began with.
	var store meta.MetadataStorer = meta.XattrMeta{}
	marker := filepath.Join(sidecar, "used")
	if _, err := os.Stat(marker); err == nil || (meta.XattrMeta{}).Test(buckets) != nil {
		if err := os.WriteFile(marker, nil, 0o600); err != nil {
			return nil, fmt.Errorf("couldn't make folder of S3 server: %w", err)
		}
		side, err := meta.NewSideCar(sidecar)
		if err != nil {
			return nil, fmt.Errorf("couldn't open metadata of S3 server: %w", err)
		}
		store = side
	}
	before, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("couldn't find working directory: %w", err)
	}
	p, err := posix.New(buckets, store, posix.PosixOpts{NewDirPerm: 0o755, NewFilePerm: 0o644})
	if back := os.Chdir(before); err == nil {
		err = back
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open folder of S3 server: %w", err)
	}
	return &rooted{root: buckets, p: p}, nil
}

// Endpoint is the server's URL.
func (s *Server) Endpoint() string { return s.endpoint }

// Done is closed when the server has ended, by Close or by a failure.
func (s *Server) Done() <-chan struct{} { return s.done }

// Close ends the server and waits for it.
func (s *Server) Close() error {
	s.cancel()
	<-s.done
	s.unlock.Do(serverRunning.Unlock)
	if s.err != nil {
		return fmt.Errorf("S3 server failed: %w", s.err)
	}
	return nil
}

// CreateBucket makes a bucket, or keeps the one that is there, and gives it the keys. Earlier keys lose their rights. Accounts are kept
// in memory only: call it again after a restart.
func (s *Server) CreateBucket(ctx context.Context, name string, keys BucketKeys) error {
	if keys.Write.AccessKeyID == keys.Read.AccessKeyID {
		return fmt.Errorf("couldn't create bucket %s: write and read keys are the same", name)
	}
	s.iam.add(keys.Write)
	s.iam.add(keys.Read)
	acl, err := json.Marshal(auth.ACL{Owner: s.iam.root.Access})
	if err != nil {
		return fmt.Errorf("couldn't create bucket %s: %w", name, err)
	}
	//lint:ignore SA1029 versitygw reads the owner under this very key
	owned := context.WithValue(ctx, "bucket-owner", s.iam.root)
	err = s.backend.CreateBucket(owned, &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{}}, acl)
	if err != nil && !isExisting(err) {
		return fmt.Errorf("couldn't create bucket %s: %w", name, err)
	}
	policy, err := bucketPolicy(name, keys)
	if err == nil {
		err = auth.ValidatePolicyDocument(policy, name, s.iam)
	}
	if err == nil {
		err = s.backend.PutBucketPolicy(ctx, name, policy)
	}
	if err != nil {
		return fmt.Errorf("couldn't set policy of bucket %s: %w", name, err)
	}
	return nil
}

// Bucket returns a client of a bucket of this server.
func (s *Server) Bucket(name string, keys Keys) (*S3, error) {
	return NewS3(S3Config{Endpoint: s.endpoint, Bucket: name, AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, PathStyle: true})
}

// bucketPolicy gives the write key the objects and the read key a look at them.
func bucketPolicy(name string, keys BucketKeys) ([]byte, error) {
	type statement struct {
		Effect    string
		Principal map[string]string
		Action    []string
		Resource  string
	}
	bucket, objects := "arn:aws:s3:::"+name, "arn:aws:s3:::"+name+"/*"
	allow := func(k Keys, resource string, actions ...string) statement {
		return statement{"Allow", map[string]string{"AWS": k.AccessKeyID}, actions, resource}
	}
	return json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []statement{
		allow(keys.Read, bucket, "s3:ListBucket"),
		allow(keys.Read, objects, "s3:GetObject"),
		allow(keys.Write, bucket, "s3:ListBucket"),
		allow(keys.Write, objects, "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
	}})
}
