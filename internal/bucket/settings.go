package bucket

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Settings are the object store settings of a node, under the names of the reference's environment (storage specification, 3.2).
type Settings struct {
	AccountID string // R2_ACCOUNT_ID
	Bucket    string // R2_BUCKET_ID; must be the account id
	Write     Keys   // R2_WRITE_ACCESS_KEY_ID, R2_WRITE_SECRET_ACCESS_KEY
	Read      Keys   // R2_READ_ACCESS_KEY_ID, R2_READ_SECRET_ACCESS_KEY; published on the chain
	// Endpoint overrides https://<account>.r2.cloudflarestorage.com, for every peer's bucket too: R2_ENDPOINT_URL.
	Endpoint string
	// Region is us-east-1 when empty: R2_REGION.
	Region string
	// PathStyle puts bucket names into paths: R2_FORCE_PATH_STYLE is 1, true or yes.
	PathStyle bool
}

// ReadSettings fills Settings by asking get for the environment's names; blank values count as missing. It does not check them.
func ReadSettings(get func(name string) string) Settings {
	value := func(name string) string { return cpython.Strip(get(name)) }
	force := strings.ToLower(value("R2_FORCE_PATH_STYLE"))
	return Settings{
		AccountID: value("R2_ACCOUNT_ID"),
		Bucket:    value("R2_BUCKET_ID"),
		Write:     Keys{value("R2_WRITE_ACCESS_KEY_ID"), Secret(value("R2_WRITE_SECRET_ACCESS_KEY"))},
		Read:      Keys{value("R2_READ_ACCESS_KEY_ID"), Secret(value("R2_READ_SECRET_ACCESS_KEY"))},
		Endpoint:  value("R2_ENDPOINT_URL"),
		Region:    value("R2_REGION"),
		PathStyle: force == "1" || force == "true" || force == "yes",
	}
}

// Validate refuses settings with which a node would fail later or do harm: something missing, a bucket that peers cannot find because
// its name is not the account id, or write keys in the place of read keys. The reference publishes its write keys when it has no read
// keys (storage specification, quirk 7); here that is ErrPublishWrite.
func (s Settings) Validate() error {
	for _, v := range []struct{ name, value string }{
		{"R2_ACCOUNT_ID", s.AccountID}, {"R2_BUCKET_ID", s.Bucket},
		{"R2_WRITE_ACCESS_KEY_ID", s.Write.AccessKeyID}, {"R2_WRITE_SECRET_ACCESS_KEY", string(s.Write.SecretAccessKey)},
	} {
		if v.value == "" {
			return fmt.Errorf("%w: %s is not set", ErrSettings, v.name)
		}
	}
	switch {
	case s.Read.AccessKeyID == "" || s.Read.SecretAccessKey == "":
		return fmt.Errorf("%w: R2_READ_ACCESS_KEY_ID and R2_READ_SECRET_ACCESS_KEY are not both set; make a read-only pair for the bucket", ErrPublishWrite)
	case s.Read.AccessKeyID == s.Write.AccessKeyID || s.Read.SecretAccessKey == s.Write.SecretAccessKey:
		return fmt.Errorf("%w: the read pair is the write pair; make a read-only pair for the bucket", ErrPublishWrite)
	case s.Bucket != s.AccountID:
		return fmt.Errorf("%w: R2_BUCKET_ID must equal R2_ACCOUNT_ID, since peers look for the bucket under the account id", ErrSettings)
	}
	return s.checkHost(s.AccountID)
}

// Published returns the credentials to commit on the chain, after Validate.
func (s Settings) Published() (ReadCredentials, error) {
	if err := s.Validate(); err != nil {
		return ReadCredentials{}, err
	}
	return ReadCredentials{AccountID: s.AccountID, AccessKeyID: s.Read.AccessKeyID, SecretAccessKey: string(s.Read.SecretAccessKey)}, nil
}

// Matches reports whether the credentials on the chain are those of the settings. Like the reference it compares the bucket's name and
// the keys, cut to their fields.
func (s Settings) Matches(onChain ReadCredentials) bool {
	same := func(own, chain string, width int) bool {
		r := []rune(cpython.Strip(own))
		return cpython.Strip(string(r[:min(len(r), width)])) == cpython.Strip(chain)
	}
	return same(s.Bucket, onChain.AccountID, accountWidth) && same(s.Read.AccessKeyID, onChain.AccessKeyID, keyWidth) &&
		same(string(s.Read.SecretAccessKey), onChain.SecretAccessKey, secretWidth)
}

// Own returns the configuration of the node's own bucket, with the write keys.
func (s Settings) Own() S3Config { return s.config(s.AccountID, s.Bucket, s.Write) }

// Peer returns the configuration of a peer's bucket. The account id becomes part of a host name, so one that is not a plain label is
// refused: it would send requests elsewhere.
func (s Settings) Peer(c ReadCredentials) (S3Config, error) {
	if err := s.checkHost(c.AccountID); err != nil {
		return S3Config{}, err
	}
	return s.config(c.AccountID, c.AccountID, Keys{c.AccessKeyID, Secret(c.SecretAccessKey)}), nil
}

func (s Settings) config(account, bucket string, k Keys) S3Config {
	endpoint := s.Endpoint
	if endpoint == "" {
		endpoint = "https://" + account + ".r2.cloudflarestorage.com"
	}
	return S3Config{
		Endpoint: endpoint, Bucket: bucket, Region: s.Region, PathStyle: s.PathStyle,
		AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey,
	}
}

// checkHost refuses an account id that cannot be a bucket's name and part of a host's: 3 to 63 lower-case letters, digits and hyphens.
func (s Settings) checkHost(account string) error {
	ok := len(account) >= 3 && len(account) <= 63 && account[0] != '-' && account[len(account)-1] != '-'
	for _, r := range account {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		return fmt.Errorf("%w: account id %.40q is not a bucket name", ErrSettings, account)
	}
	return nil
}
