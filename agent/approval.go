package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// approvalPause is how often to look for an approval while something waits. Nothing
// is asked while nothing does.
const approvalPause = 3 * time.Second

// maxApprovalBytes bounds what is read of an approval.
const maxApprovalBytes = 4 << 10

// Approval is a human's word that a set of removals is right. It stands in the tree
//
//	<key_path>/registrar/approvals/<hash>           for every node
//	<key_path>/registrar/approvals/<hash>/<node>    for one node
//
// so that Consul's ACLs decide who may give it.
type Approval struct {
	// By is who gave it, for the log.
	By string `json:"by"`
	// Reason is why, for the log.
	Reason string `json:"reason,omitempty"`
	// Expires is when it ends, at most [MaxApproval] from now.
	Expires time.Time `json:"expires"`

	// index is when it was written: one approval is used once.
	index uint64
}

// MaxApproval is how long an approval may last. One that lasts longer is refused: it
// would release a removal that nobody has in mind any more.
const MaxApproval = 24 * time.Hour

// ApprovalHash is what the hash of a [Waiting] looks like.
var ApprovalHash = regexp.MustCompile(`^[0-9a-f]{12}$`)

// ApprovalKey returns the key of an approval for a node, or for every node if the
// name is empty.
func ApprovalKey(keyPath, hash, node string) string {
	key := strings.Trim(keyPath, "/") + "/registrar/approvals/" + hash
	if node != "" {
		key += "/" + node
	}
	return key
}

// approvals reads approvals.
type approvals struct {
	kv      *api.KV
	keyPath string
	// used are the indexes of the approvals that were used, by hash.
	used map[string]uint64
}

// find returns the approval of a hash for this node, and false if there is none.
func (a approvals) find(ctx context.Context, hash, node string, now time.Time) (Approval, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	pairs, meta, err := a.kv.List(ApprovalKey(a.keyPath, hash, ""), (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return Approval{}, false, fmt.Errorf("read approvals: %w", err)
	}
	if meta.ResultsFilteredByACLs {
		return Approval{}, false, errors.New("read approvals: ACLs hide them: grant key_prefix list on <key_path>/registrar/approvals/")
	}
	var faults []error
	for _, pair := range pairs {
		if pair.Key != ApprovalKey(a.keyPath, hash, "") && pair.Key != ApprovalKey(a.keyPath, hash, node) {
			continue
		}
		approval, err := parseApproval(pair.Value, now)
		if err == nil && pair.ModifyIndex > a.used[hash] {
			approval.index = pair.ModifyIndex
			return approval, true, nil
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("read approval %s: %w", pair.Key, err))
		}
	}
	return Approval{}, false, errors.Join(faults...)
}

func parseApproval(value []byte, now time.Time) (Approval, error) {
	if len(value) > maxApprovalBytes {
		return Approval{}, fmt.Errorf("it has %d bytes: at most %d are read", len(value), maxApprovalBytes)
	}
	var a Approval
	if err := json.Unmarshal(value, &a); err != nil {
		return Approval{}, fmt.Errorf("want JSON with by and expires: %w", err)
	}
	switch {
	case a.Expires.IsZero():
		return Approval{}, errors.New("expires is missing")
	case !now.Before(a.Expires):
		return Approval{}, fmt.Errorf("it expired at %s", a.Expires.Format(time.RFC3339))
	case a.Expires.Sub(now) > MaxApproval:
		return Approval{}, fmt.Errorf("it expires at %s: at most %s from now are allowed", a.Expires.Format(time.RFC3339), MaxApproval)
	}
	return a, nil
}
