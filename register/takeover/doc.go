// Package takeover moves a node from consul-template's file of services to ours without a gap.
//
// A site looks at three places: the file on disk, the local Consul agent, and the
// servers' catalog. What it sees is a Scene, and a Scene knows the next step; there is no
// other state. So whoever is killed between two steps goes on where he was, and going back
// is the same way with other steps:
//
//	forward   Register -> Await -> Retire -> Reload -> Vanish -> Done
//	back      Restore -> Reload -> Appear -> Remove -> Done
//
// Forward, the file is retired only when the catalog has a passing service of ours for
// each service of the old set, with the same name and port; back, ours are removed only
// when the catalog has the old ones again.
package takeover
