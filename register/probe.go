package register

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// probeTimeout bounds the look before a first registration. A live NodePort
// answers at once; one whose packets are dropped should not hold up the others.
const probeTimeout = time.Second

// probe tries the ports of services whose check is about to be registered for the
// first time, as the check will, and returns the status of each by its ID. Services
// whose check has a given initial status, or is registered already, are not tried: Consul
// keeps the live status of a check that it knows. A check that somebody removed is not
// known any more, and would begin as critical. So does one of gRPC, which we do not speak.
func (l *Local) probe(ctx context.Context, outcomes []*Outcome) map[ID]string {
	var mu sync.Mutex
	var dials sync.WaitGroup
	statuses := map[ID]string{}
	for _, o := range outcomes {
		if o.Step.Want.Check == nil || o.Step.Wait != "" {
			continue
		}
		check := o.Step.Want.Check.Request()
		if check.Status != "" || check.GRPC != "" {
			continue
		}
		if _, known := o.Step.Have.checks().Of(check.CheckID); known {
			continue
		}
		dials.Go(func() {
			status := l.look(ctx, check)
			mu.Lock()
			defer mu.Unlock()
			statuses[o.Step.ID] = status
		})
	}
	dials.Wait()
	return statuses
}

// look does once what the check will do again and again.
func (l *Local) look(ctx context.Context, check *api.AgentServiceCheck) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if check.HTTP != "" {
		return l.get(ctx, check)
	}
	conn, err := l.Dial(ctx, "tcp", check.TCP)
	if err != nil {
		return api.HealthCritical
	}
	_ = conn.Close() // nothing was sent
	return api.HealthPassing
}

// get takes the answer as Consul's HTTP check does.
func (l *Local) get(ctx context.Context, check *api.AgentServiceCheck) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, check.HTTP, nil)
	if err != nil {
		return api.HealthCritical
	}
	if host := check.Header["Host"]; len(host) > 0 {
		request.Host = host[0]
	}
	client := http.Client{Transport: &http.Transport{
		DialContext:       l.Dial,
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{ServerName: check.TLSServerName, InsecureSkipVerify: check.TLSSkipVerify}, //nolint:gosec // as Consul will, see health.HTTP
	}}
	response, err := client.Do(request)
	if err != nil {
		return api.HealthCritical
	}
	_ = response.Body.Close() // the status is all that counts
	switch {
	case response.StatusCode/100 == 2:
		return api.HealthPassing
	case response.StatusCode == http.StatusTooManyRequests:
		return api.HealthWarning
	default:
		return api.HealthCritical
	}
}
