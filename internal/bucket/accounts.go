package bucket

import (
	"errors"
	"sync"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"
)

// accounts is the server's register of access keys, in memory. Keys come by add only: over the network nobody can make any.
type accounts struct {
	root  auth.Account
	mu    sync.RWMutex
	users map[string]auth.Account
}

var errNoManagement = s3err.GetAPIError(s3err.ErrAdminMethodNotSupported)

func (a *accounts) add(k Keys) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[k.AccessKeyID] = auth.Account{Access: k.AccessKeyID, Secret: string(k.SecretAccessKey), Role: auth.RoleUser}
}

// GetUserAccount returns the account of an access key.
func (a *accounts) GetUserAccount(access string) (auth.Account, error) {
	if access == a.root.Access {
		return a.root, nil
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if u, ok := a.users[access]; ok {
		return u, nil
	}
	return auth.Account{}, auth.ErrNoSuchUser
}

// ResolveAccounts returns those access keys that do not exist.
func (a *accounts) ResolveAccounts(keys []string) ([]string, error) {
	missing := []string{}
	for _, k := range keys {
		if _, err := a.GetUserAccount(k); err != nil {
			missing = append(missing, k)
		}
	}
	return missing, nil
}

// CreateAccount, UpdateUserAccount, DeleteUserAccount and ListUserAccounts are refused.
func (a *accounts) CreateAccount(auth.Account) error { return errNoManagement }

// UpdateUserAccount is refused.
func (a *accounts) UpdateUserAccount(string, auth.MutableProps) error { return errNoManagement }

// DeleteUserAccount is refused.
func (a *accounts) DeleteUserAccount(string) error { return errNoManagement }

// ListUserAccounts is refused.
func (a *accounts) ListUserAccounts() ([]auth.Account, error) { return nil, errNoManagement }

// Shutdown has nothing to do.
func (a *accounts) Shutdown() error { return nil }

// isExisting reports whether err says that a bucket is there already.
func isExisting(err error) bool {
	var e s3err.S3Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.BaseError().Code
	return code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists"
}
