package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func approveCommand() *cli.Command {
	return &cli.Command{
		Name:      "approve",
		Usage:     "release removals that the guard holds, as shown by plan and in the log",
		ArgsUsage: "HASH",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "fleet", Usage: "on every node that holds exactly the same removals"},
			&cli.StringFlag{Name: "reason", Usage: "say why, for the log"},
			&cli.DurationFlag{Name: "for", Usage: "let the approval end after `DURATION`", Value: time.Hour},
		}, configFlags()...),
		OnUsageError: usageError,
		Action:       approve,
	}
}

// approve writes an approval into the tree, with the caller's own token: Consul's
// ACLs decide who may.
func approve(c *cli.Context) error {
	hash := c.Args().First()
	switch {
	case c.NArg() != 1:
		return codedError{exitUsage, errors.New("approve takes one argument, the hash, after all options")}
	case !agent.ApprovalHash.MatchString(hash):
		return codedError{exitUsage, fmt.Errorf("%q is no hash: it has 12 digits from 0-9a-f, as plan shows it", hash)}
	case c.Duration("for") <= 0 || c.Duration("for") > agent.MaxApproval:
		return codedError{exitUsage, fmt.Errorf("--for %s: want more than 0 and at most %s", c.Duration("for"), agent.MaxApproval)}
	}
	cfg, err := loadConfig(c)
	if err != nil {
		return err
	}
	consul, err := connect(cfg.Consul)
	if err != nil {
		return errConnect(err)
	}
	if err := known(c.Context, cfg.Telemetry, hash); err != nil {
		return err
	}
	var where string // every node
	if !c.Bool("fleet") {
		node, err := register.NewLocal(consul.Client, register.Owner{}).Node(c.Context)
		if err != nil {
			return errOnce(err)
		}
		where = node.Name
	}
	approval := agent.Approval{By: caller(), Reason: c.String("reason"), Expires: time.Now().Add(c.Duration("for")).UTC().Truncate(time.Second)}
	key := agent.ApprovalKey(cfg.KeyPath, hash, where)
	if err := writeApproval(c.Context, consul.Client, key, approval); err != nil {
		return errOnce(err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "Approved until %s: %s\n", approval.Expires.Format(time.RFC3339), key)
	return err
}

func writeApproval(ctx context.Context, client *api.Client, key string, approval agent.Approval) error {
	value, err := json.MarshalIndent(approval, "", "    ")
	if err != nil {
		return fmt.Errorf("encode approval: %w", err)
	}
	options := (&api.WriteOptions{}).WithContext(ctx)
	if _, err := client.KV().Put(&api.KVPair{Key: key, Value: value}, options); err != nil {
		return fmt.Errorf("write approval %s: %w", key, err)
	}
	return nil
}

// known refuses a hash that the daemon on this node does not know, so that nobody
// approves yesterday's plan by mistake. If the daemon cannot be asked, it decides by
// itself.
func known(ctx context.Context, telemetry config.Telemetry, hash string) error {
	ask, err := newAsker(telemetry, askFlags{})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	status, err := ask.status(ctx)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	var hashes []string
	for _, w := range status.Waiting {
		if w.Hash == hash {
			return nil
		}
		hashes = append(hashes, w.Hash)
	}
	if len(hashes) == 0 {
		return fmt.Errorf("nothing waits on this node: there is nothing to approve")
	}
	return fmt.Errorf("nothing with the hash %s waits on this node, but %s: look at it once more with k8s-registrar plan", hash, strings.Join(hashes, " and "))
}

// caller names who approves, for the log.
func caller() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
