package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// announcePause is how often to look whether the daemon's own service is as it should be.
const announcePause = 30 * time.Second

// announcer keeps the daemon itself announced in Consul, if the operator wants that. It
// is no part of the loop: the daemon's own service is nothing that the tree asked for,
// and to fail at it is no reason not to be ready.
type announcer struct {
	local   *register.Local
	token   func() bool // whether requests carry a token
	address net.Addr    // of the listener; nil without one
	config  config.Config
	configs news[config.Config]
	tokens  news[struct{}] // another token is in force
	marks   news[bool]     // whether the node is in maintenance
	marked  bool
	voice   *voice
	log     hclog.Logger
}

func (a *announcer) run(ctx context.Context) error {
	ours := true // there may be one of the run before
	for {
		if wanted := a.config.Telemetry.Announce != ""; wanted || ours {
			err := a.turn(ctx)
			if ctx.Err() != nil {
				return nil
			}
			ours = wanted || err != nil
			a.tell(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case a.config = <-a.configs:
			ours = true
		case <-a.tokens:
		case a.marked = <-a.marks:
		case <-time.After(announcePause):
		}
	}
}

// tell logs what went wrong. That the agent is away, others say.
func (a *announcer) tell(err error) {
	_, away := errors.AsType[*url.Error](err)
	switch {
	case err == nil:
		a.voice.recovered()
	case !away:
		a.voice.failed(err)
	}
}

// turn makes it as it should be, once.
func (a *announcer) turn(ctx context.Context) error {
	if a.config.Telemetry.Announce == "" || a.address == nil {
		was, err := a.local.Withdraw(ctx)
		if was && err == nil {
			a.log.Info("the daemon is not announced any more")
		}
		return err
	}
	self, err := a.self(ctx)
	if err != nil {
		return err
	}
	sent, err := a.local.Announce(ctx, self)
	if sent {
		a.log.Info("the daemon is announced", "service", self.Name, "port", self.Port)
	}
	return err
}

// self says where the daemon is to be found.
func (a *announcer) self(ctx context.Context) (register.Self, error) {
	self := register.Self{Name: a.config.Telemetry.Announce, Draining: a.marked && a.config.Spread.Copies > 0}
	web, err := ReadWebConfig(a.config.Telemetry)
	if err != nil {
		return self, err
	}
	self.TLS, self.Guarded = web.TLS, web.Guarded
	if a.token() {
		if self.Token, err = a.local.Token(ctx); err != nil {
			return self, err
		}
	}
	host, port, err := net.SplitHostPort(a.address.String())
	if err != nil {
		return self, err
	}
	if self.Port, err = strconv.Atoi(port); err != nil {
		return self, err
	}
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() {
		self.Address, self.Dial = host, host
		return self, nil
	}
	if own := a.config.Node.Address; own.IsValid() {
		self.Dial = own.String()
		return self, nil
	}
	node, err := a.local.Node(ctx)
	self.Dial = node.Address.String()
	return self, err
}
