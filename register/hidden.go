package register

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/consul/api"
)

// ErrHidden means that the agent holds services of ours and shows none of them: the
// token may not see them, or the agent has not been able to ask a server about the
// token since it started.
var ErrHidden = errors.New("the agent hides the services of ours from this token: grant service write")

// mostAsked is how many services are asked for one by one: few, since the agent logs an
// error for each that is not there, and more would tell little more. What is hidden and
// not asked for is refused when it is registered.
const mostAsked = 3

// Hidden returns [ErrHidden] if one of the services is there and may not be seen by a
// token; empty stands for the one in force. A single service is refused to those who may
// not see it, and unknown if it is not there; a list of services that may not be seen
// looks like an empty one. Of many services a few are asked for.
func (l *Local) Hidden(ctx context.Context, ids []ID, token string) error {
	asked := min(len(ids), mostAsked)
	for i := range asked {
		id := ids[i*len(ids)/asked] // spread over all
		options := (&api.QueryOptions{Token: token}).WithContext(ctx)
		_, _, err := l.client.Agent().Service(string(id), options)
		status, answered := errors.AsType[api.StatusError](err)
		switch {
		case err == nil, notFound(err):
		case answered && status.Code == http.StatusForbidden:
			return fmt.Errorf("%w: %w", ErrHidden, err)
		default:
			return err
		}
	}
	return nil
}
