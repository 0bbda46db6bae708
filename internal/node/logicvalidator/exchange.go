package logicvalidator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// statusError is an answer of a server with another status than 200. What the server says is not repeated: it may hold a question.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// errReply says that a server's reply is not of the form that it should have.
var errReply = errors.New("the reply is not of the expected form")

// base reads the address of a service: http or https, without password and query.
func base(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("its address is no http:// or https:// address")
	case u.User != nil:
		return "", errors.New("its address holds a password; give it apart")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("its address has a query")
	}
	return strings.TrimRight(text, "/"), nil
}

// noRedirect is a client that follows no redirect, which would carry a key to somebody else.
func noRedirect(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// exchange sends body as JSON (GET where it is nil) with a bearer token and returns the reply's text, of at most limit bytes. Errors repeat neither.
func exchange(ctx context.Context, c *http.Client, address, token string, body any, limit int64) ([]byte, error) {
	method, in := http.MethodGet, io.Reader(nil)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, errReply
		}
		method, in = http.MethodPost, bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		return nil, errors.New("its address cannot be used")
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("%s: %w", r.URL.Host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: couldn't read reply: %w", r.URL.Host, err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%s: %w: it is larger than %d bytes", r.URL.Host, errReply, limit)
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated:
		return nil, fmt.Errorf("%s: %w", r.URL.Host, statusError(res.StatusCode))
	}
	return text, nil
}
