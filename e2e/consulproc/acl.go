package consulproc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

// ManagementToken returns the secret of the token that may do everything, "" without ACLs.
func (c *Cluster) ManagementToken() string { return c.management }

// Token creates a token with the given rules, such as `service_prefix "" { policy = "write" }`,
// and returns its secret when all servers that answer know it: an agent that asks another
// one would remember for half a minute that there is no such token.
func (c *Cluster) Token(ctx context.Context, rules string) (secret string, err error) {
	if c.management == "" {
		return "", errors.New("create token: ACLs are off")
	}
	servers := c.answering()
	if len(servers) == 0 {
		return "", errors.New("create token: no server runs")
	}
	client, err := servers[0].Client(c.management)
	if err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	if secret, err = createToken(ctx, client, rules); err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	known := func(server *Process) error { return server.waitToken(ctx, secret) }
	if err := each(servers, known); err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	return secret, nil
}

// answering returns the servers that run and are not paused.
func (c *Cluster) answering() []*Process {
	var servers []*Process
	for _, server := range c.servers {
		if pid := server.PID(); pid != 0 && !frozen(pid) {
			servers = append(servers, server)
		}
	}
	return servers
}

// createToken creates a token with a policy of its own.
func createToken(ctx context.Context, client *api.Client, rules string) (secret string, err error) {
	options := (&api.WriteOptions{}).WithContext(ctx)
	policy, _, err := client.ACL().PolicyCreate(&api.ACLPolicy{Name: "policy-" + newUUID(), Rules: rules}, options)
	if err != nil {
		return "", err
	}
	link := []*api.ACLLink{{ID: policy.ID}}
	token, _, err := client.ACL().TokenCreate(&api.ACLToken{Policies: link}, options)
	if err != nil {
		return "", err
	}
	return token.SecretID, nil
}

// waitToken returns when this very server, which need not be the leader, knows the token.
func (p *Process) waitToken(ctx context.Context, secret string) error {
	client, err := p.Client(secret)
	if err != nil {
		return err
	}
	options := (&api.QueryOptions{AllowStale: true}).WithContext(ctx)
	for {
		_, _, err := client.ACL().TokenReadSelf(options)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", p.name, errors.Join(ctx.Err(), err))
		case <-time.After(readyPause):
		}
	}
}
