package chain

import (
	"context"
	"fmt"
	"sync"
)

// Client talks to one chain through any number of endpoints. It is safe for use by several goroutines.
type Client struct {
	cfg       Config
	endpoints []*endpoint
	heads     *headFeed
	runtimes  *runtimes
	nonces    *nonces

	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	genesis  Hash
	archived []*endpoint
	closed   bool
}

// Dial opens a client and waits until one endpoint has answered for the right chain and its runtime's metadata is read. Other endpoints
// connect in the background. The context bounds only that wait (Config.Timeout if it has no deadline).
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &Client{cfg: cfg, genesis: cfg.Genesis, nonces: newNonces(), heads: newHeadFeed()}
	c.runtimes = newRuntimes(c)
	c.ctx, c.stop = context.WithCancel(context.Background())
	for _, u := range cfg.Endpoints {
		e, err := c.newEndpoint(u, false)
		if err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("couldn't dial chain: %w", err)
		}
		c.endpoints = append(c.endpoints, e)
	}
	for _, e := range c.endpoints {
		c.wg.Go(func() { c.follow(e) })
	}
	if _, err := c.Best(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("couldn't dial chain: %w", err)
	}
	return c, nil
}

// Genesis returns the hash of block 0.
func (c *Client) Genesis() Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.genesis
}

// Close ends everything that the client does. Calls fail with rpc.ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	list := append(append([]*endpoint{}, c.endpoints...), c.archived...)
	c.mu.Unlock()
	c.stop()
	for _, e := range list {
		_ = e.Close()
	}
	c.wg.Wait()
	return nil
}
