package consulproc

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"
)

// tokenHeader carries the token of a request.
const tokenHeader = "X-Consul-Token"

// envBlocker stands for the token a client was made with. While the configured token is
// neither empty nor the environment's, api.NewClient leaves CONSUL_HTTP_TOKEN and
// CONSUL_HTTP_TOKEN_FILE alone.
const envBlocker = "consulproc-token"

// Client returns a client of this process that sends token, or none if it is empty, and
// depends on no CONSUL_* variable of the environment. Calls have no timeout of their own.
func (p *Process) Client(token string) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address:    p.HTTPAddr(),
		Scheme:     "http",
		Token:      envBlocker,
		Transport:  p.transport,
		HttpClient: &http.Client{Transport: &plainTransport{token: token, base: p.transport}},
	})
	if err != nil {
		return nil, fmt.Errorf("make client of %s: %w", p.name, err)
	}
	return client, nil
}

// A plainTransport takes back what api.NewClient mixes into requests.
type plainTransport struct {
	token string
	base  http.RoundTripper
}

// RoundTrip puts the client's own token in the place of envBlocker and removes namespace
// and partition, which the client takes from the environment and Consul CE refuses.
func (t *plainTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	query := request.URL.Query()
	query.Del("ns")
	query.Del("partition")
	request.URL.RawQuery = query.Encode()
	if request.Header.Get(tokenHeader) == envBlocker {
		request.Header.Del(tokenHeader)
		if t.token != "" {
			request.Header.Set(tokenHeader, t.token)
		}
	}
	return t.base.RoundTrip(request)
}

// newTransport suits one local agent: no proxy, no compression, a quick refusal.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     time.Minute,
	}
}
