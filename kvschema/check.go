package kvschema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check says how a Service wants to be checked, where that is not as configured.
type Check struct {
	// Kind is "tcp", "http", "https" or "grpc"; empty for what suits the Service.
	Kind string
	// Port is the NodePort that is checked; 0 for the announced one.
	Port uint16
	// Path is what an HTTP check asks for; empty for "/".
	Path string
	// Host is the host that an HTTP check asks for, and what a certificate must name;
	// empty for any.
	Host string
	// Service is whose health a gRPC check asks for; empty for that of the server.
	Service string

	// Interval and Timeout are as configured if 0.
	Interval, Timeout time.Duration
	// FailuresBeforeCritical is as configured if 0.
	FailuresBeforeCritical int
	// FailuresBeforeWarning and SuccessBeforePassing are as configured if nil.
	FailuresBeforeWarning, SuccessBeforePassing *int
	// InitialStatus is "probe", "passing" or "critical"; as configured if empty.
	InitialStatus string
}

func (c *Check) readKind(value string) error {
	return oneOf(&c.Kind, value, "tcp", "http", "https", "grpc")
}
func (c *Check) readStatus(value string) error {
	return oneOf(&c.InitialStatus, value, "probe", "passing", "critical")
}

func (c *Check) readPath(value string) error {
	if !strings.HasPrefix(value, "/") || strings.ContainsFunc(value, isControl) || strings.Contains(value, " ") {
		return errors.New(`want a path and perhaps a query, such as "/healthz", without blanks`)
	}
	c.Path = value
	return nil
}

func (c *Check) readHost(value string) error {
	for label := range strings.SplitSeq(value, ".") {
		if label == "" || checkLabel("host", strings.ToLower(label)) != nil {
			return errors.New(`want a host name, such as "cart.example.com", without a port`)
		}
	}
	c.Host = value
	return nil
}

// readService allows what the protocol's names look like, such as "shop.v1.Cart".
func (c *Check) readService(value string) error {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	if value == "" || strings.ContainsFunc(value, foreign) {
		return errors.New(`want the name of a gRPC service, such as "shop.v1.Cart"`)
	}
	c.Service = value
	return nil
}

// check refuses what has no meaning for the kind of check.
func (c *Check) check() error {
	web := c.Kind == "http" || c.Kind == "https"
	switch {
	case !web && (c.Path != "" || c.Host != ""):
		return errors.New(annotationPrefix + "check.path and check.host are for an HTTP check: set " + annotationPrefix + `check.type to "http" or "https"`)
	case c.Kind != "grpc" && c.Service != "":
		return errors.New(annotationPrefix + "check.service is for a gRPC check: set " + annotationPrefix + `check.type to "grpc"`)
	}
	return nil
}

// keepCheck takes the check, if it is not as configured.
func (d *draft) keepCheck() error {
	if err := d.check.check(); err != nil {
		return err
	}
	if check := d.check; check != (Check{}) {
		d.service.Check = &check // a pointer into the draft would keep all of that
	}
	return nil
}

func oneOf(field *string, value string, words ...string) error {
	if slices.Contains(words, value) {
		*field = value
		return nil
	}
	return fmt.Errorf("want %s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}

// durationIn reads a duration within the bounds of the setting of the same name.
func durationIn(field *time.Duration, value string, low, high time.Duration) error {
	duration, err := time.ParseDuration(value)
	if err != nil || duration < low || duration > high {
		return fmt.Errorf(`want a duration from %s to %s, such as "5s"`, low, high)
	}
	*field = duration
	return nil
}

func wholeIn(value string, low, high int) (int, error) {
	number, err := strconv.Atoi(value)
	if err != nil || number < low || number > high {
		return 0, fmt.Errorf("want a whole number from %d to %d", low, high)
	}
	return number, nil
}
