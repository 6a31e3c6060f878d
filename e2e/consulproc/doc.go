// Package consulproc runs real Consul processes on loopback for tests, the demo, drills and benchmarks.
//
// [Start] brings up one server, or three, with any number of client agents, and returns
// when all of them are ready:
//
//	cluster, err := consulproc.Start(ctx, consulproc.Options{Clients: 1})
//	if err != nil {
//		return err // it holds the last log lines; nothing is left running
//	}
//	defer cluster.Stop()
//	client, err := cluster.Clients()[0].Client("")
//
// # Addresses
//
// Each process has a loopback address of its own, 127.x.y.z, and the same fixed ports on
// it. The address is claimed by a listener that this program holds until
// [Process.Stop], so that test packages which run at once cannot collide, and a killed
// process finds its ports free when it comes back: they lie below the range from which
// the kernel takes ports for outgoing connections. As on real nodes, two agents can have
// the same NodePort open, each on its own [Process.Address]; see [Listen].
//
// # Lifetime
//
// A process keeps its data directory, its ports and its node ID over [Process.Kill],
// [Process.Terminate] and [Process.Restart]; only [Process.Wipe] removes the data, and
// only [Process.Stop] removes everything. A process also ends with the program that
// started it, however that ends; its files then stay in the directory for temporary
// files under a name that begins with "consulproc-".
//
// # What is tuned
//
// The election timeout is the shortest Consul offers, and DNS, gRPC, WAN gossip, Connect
// and update checks are off. Everything else, such as gossip, anti-entropy, limits and
// what an agent does at SIGTERM, is as in production unless Options or [Node] say
// otherwise.
package consulproc
