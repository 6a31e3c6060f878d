package register

import "context"

// Arrived tells whether the local agent and the servers hold some services just as desired,
// and at which indexes the servers last took a change of them. It costs little however many
// others there are. Where it says no, [Diverge] tells what is wrong.
func (l *Local) Arrived(ctx context.Context, node Node, desired Desired, ids []ID, token bool) (all bool, indexes []uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	local, err := l.Some(ctx, ids, false)
	if err != nil {
		return false, nil, err
	}
	these := shard{whole: true}
	for _, id := range ids {
		these.prefixes = append(these.prefixes, string(id))
	}
	services, checks, err := l.cataloged(ctx, these, node, token)
	if err != nil {
		return false, nil, err
	}
	all = true
	catalog := l.sort(services, checks)
	for _, id := range ids {
		all = all && arrived(desired, local, catalog, id)
	}
	for _, s := range services {
		indexes = append(indexes, s.ModifyIndex)
	}
	return all, indexes, nil
}

// arrived tells whether a service is on both sides as desired, or on neither.
func arrived(desired Desired, local, catalog Actual, id ID) bool {
	want, wanted := desired.Want[id]
	here, isHere := local.Ours[id]
	there, isThere := catalog.Ours[id]
	switch {
	case wanted != isHere || wanted != isThere:
		return false
	case !wanted:
		return true
	default:
		return len(compare(want.withNonce(here.Meta.Of(MetaNonce)), here)) == 0 && diverges(want, here, there) == ""
	}
}
