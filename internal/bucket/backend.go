package bucket

import (
	"context"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"
)

// rooted lets versitygw's directory backend work without owning the process's working directory. That backend changes into its folder
// and uses bucket names as relative paths; rooted gives it absolute paths as bucket names instead. It passes on what nodes need:
// objects, listings, multipart uploads and bucket policies. Everything else (versions, tags, locks, copies between buckets, website
// settings) answers NotImplemented.
type rooted struct {
	backend.BackendUnsupported
	root string
	p    *posix.Posix
}

func (r *rooted) at(bucket *string) *string {
	if bucket == nil {
		return nil
	}
	abs := r.path(*bucket)
	return &abs
}

func (r *rooted) path(bucket string) string {
	return filepath.Join(r.root, filepath.Base(filepath.Clean("/"+bucket)))
}

func (r *rooted) String() string { return "directory " + r.root }
func (r *rooted) Shutdown()      { r.p.Shutdown() }

func (r *rooted) NormalizeObjectKey(bucket, object string) string {
	return r.p.NormalizeObjectKey(r.path(bucket), object)
}

func (r *rooted) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.HeadBucket(ctx, &c)
}

func (r *rooted) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.CreateBucket(ctx, &c, acl)
}

func (r *rooted) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.GetBucketAcl(ctx, &c)
}

func (r *rooted) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	return r.p.GetBucketPolicy(ctx, r.path(bucket))
}

func (r *rooted) PutBucketPolicy(ctx context.Context, bucket string, policy []byte) error {
	return r.p.PutBucketPolicy(ctx, r.path(bucket), policy)
}

func (r *rooted) GetBucketVersioning(ctx context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	return r.p.GetBucketVersioning(ctx, r.path(bucket))
}

func (r *rooted) GetBucketOwnershipControls(ctx context.Context, bucket string) (types.ObjectOwnership, error) {
	return r.p.GetBucketOwnershipControls(ctx, r.path(bucket))
}

func (r *rooted) GetBucketCors(ctx context.Context, bucket string) ([]byte, error) {
	return r.p.GetBucketCors(ctx, r.path(bucket))
}

func (r *rooted) GetObjectLockConfiguration(ctx context.Context, bucket string) ([]byte, error) {
	return r.p.GetObjectLockConfiguration(ctx, r.path(bucket))
}

func (r *rooted) GetObjectRetention(ctx context.Context, bucket, object, version string) ([]byte, error) {
	return r.p.GetObjectRetention(ctx, r.path(bucket), object, version)
}

func (r *rooted) GetObjectLegalHold(ctx context.Context, bucket, object, version string) (*bool, error) {
	return r.p.GetObjectLegalHold(ctx, r.path(bucket), object, version)
}

func (r *rooted) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	in.Bucket = r.at(in.Bucket)
	return r.p.PutObject(ctx, in)
}

func (r *rooted) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.HeadObject(ctx, &c)
}

func (r *rooted) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.GetObject(ctx, &c)
}

func (r *rooted) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.DeleteObject(ctx, &c)
}

func (r *rooted) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.DeleteObjects(ctx, &c)
}

func (r *rooted) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	out, err := r.p.ListObjects(ctx, &c)
	out.Name = in.Bucket
	return out, err
}

func (r *rooted) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	out, err := r.p.ListObjectsV2(ctx, &c)
	out.Name = in.Bucket
	return out, err
}

func (r *rooted) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	bucket := in.Bucket
	in.Bucket = r.at(in.Bucket)
	out, err := r.p.CreateMultipartUpload(ctx, in)
	if bucket != nil {
		out.Bucket = *bucket
	}
	return out, err
}

func (r *rooted) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.UploadPart(ctx, &c)
}

func (r *rooted) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	out, version, err := r.p.CompleteMultipartUpload(ctx, &c)
	out.Bucket = in.Bucket
	return out, version, err
}

func (r *rooted) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	c := *in
	c.Bucket = r.at(in.Bucket)
	return r.p.AbortMultipartUpload(ctx, &c)
}

func (r *rooted) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	c := *in
	c.Bucket = r.at(in.Bucket)
	out, err := r.p.ListParts(ctx, &c)
	if in.Bucket != nil {
		out.Bucket = *in.Bucket
	}
	return out, err
}
