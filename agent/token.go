package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const (
	// tokenHeader is what Consul reads a token from.
	tokenHeader = "X-Consul-Token"
	// maxTokenBytes bounds what is read of a token file.
	maxTokenBytes = 4 << 10
)

// TokenPlace is what a client has to be given as its token, for [Token.Transport] to
// put the real one in its place. Without any, the client would take one from the
// environment and keep it for ever.
const TokenPlace = "k8s-registrar-token"

// Token is the token that requests carry. It can be replaced while requests are
// under way: each takes the one that is in force when it starts.
type Token struct {
	secret atomic.Pointer[string]
	// path is the file that it comes from at the start; empty if there is none.
	path string
}

// NewToken returns a token that is in no file; an empty one makes us anonymous.
func NewToken(secret string) *Token {
	t := &Token{}
	t.secret.Store(&secret)
	return t
}

// NewTokenFile returns the token in a file. An empty file is an error: it would
// silently make us anonymous.
func NewTokenFile(path string) (*Token, error) {
	secret, err := readToken(path)
	if err != nil {
		return nil, err
	}
	t := NewToken(secret)
	t.path = path
	return t, nil
}

// set tells whether there is a token at all.
func (t *Token) set() bool { return *t.secret.Load() != "" }

// Transport returns a transport that puts the token into each request.
func (t *Token) Transport(base http.RoundTripper) http.RoundTripper {
	return tokenTransport{base: base, token: t}
}

type tokenTransport struct {
	base  http.RoundTripper
	token *Token
}

// RoundTrip leaves alone a request that brings a token of its own, which is how a
// new one is tried.
func (t tokenTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Header.Get(tokenHeader) == TokenPlace {
		request = request.Clone(request.Context())
		request.Header.Del(tokenHeader)
		if secret := *t.token.secret.Load(); secret != "" {
			request.Header.Set(tokenHeader, secret)
		}
	}
	return t.base.RoundTrip(request)
}

func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxTokenBytes+1))
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	switch {
	case len(text) > maxTokenBytes:
		return "", fmt.Errorf("read token file: %s has more than %d bytes", path, maxTokenBytes)
	case secret == "":
		return "", fmt.Errorf("read token file: %s is empty", path)
	case strings.ContainsFunc(secret, func(r rune) bool { return r < '!' || r > '~' }):
		return "", fmt.Errorf("read token file: %s holds more than a token", path)
	}
	return secret, nil
}

// rotation follows the place of the token, which is a file as a rule. A new token is used once Consul accepts it; one
// that it does not leaves the old one in force.
type rotation struct {
	token *Token
	acl   *api.Client
	tree  tree
	local *register.Local
	mine  func() []register.ID // what is registered
	place Access
	moves news[Access]   // another place, or look now
	used  news[struct{}] // a new token is in force
	own   news[struct{}] // the same, for the daemon's own service
	heard news[struct{}] // the same, for the watch
	show  func(error)
	voice *voice
	log   hclog.Logger
}

func (r *rotation) run(ctx context.Context) error {
	f := followed[Access]{place: &r.place, moves: r.moves, look: r.look, show: r.show, voice: r.voice}
	f.then = func() {
		r.log.Info("a new token is in force: every service is registered again with it")
		r.used.put(struct{}{})
		r.own.put(struct{}{})
		r.heard.put(struct{}{})
	}
	return f.run(ctx)
}

// look reads the token, tries a token that is new, and puts it in force.
func (r *rotation) look(ctx context.Context) (changed bool, err error) {
	secret, err := r.place.secret()
	if err != nil || secret == *r.token.secret.Load() {
		return false, err
	}
	if err := r.try(ctx, secret); err != nil {
		return false, fmt.Errorf("use new token: %w; the old one stays in force", err)
	}
	r.token.secret.Store(&secret)
	return true, nil
}

// try asks Consul whether it knows the token, whether that may read the tree, and whether
// it may see what is registered, which it could not register anew otherwise.
func (r *rotation) try(ctx context.Context, secret string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	options := (&api.QueryOptions{Token: secret}).WithContext(ctx)
	if _, _, err := r.acl.ACL().TokenReadSelf(options); err != nil && statusCode(err) != http.StatusUnauthorized {
		return fmt.Errorf("ask Consul for it: %w", err) // 401: ACLs are off
	}
	_, meta, err := r.tree.kv.Keys(r.tree.prefix, "", options)
	switch {
	case statusCode(err) == http.StatusForbidden, err == nil && meta.ResultsFilteredByACLs:
		return errors.New("it may not read the whole tree")
	case err != nil:
		return fmt.Errorf("try to read the tree with it: %w", err)
	}
	return r.local.Hidden(ctx, r.mine(), secret)
}
