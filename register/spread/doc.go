// Package spread shares services out among the nodes of a fleet, where not every node is to
// announce every service.
//
// It is pure. Three values follow each other:
//
//	what the servers say of the nodes --> Roll --> Members --> Share
//
// A [Roll] is who takes part, and neither a node that comes and goes nor one that is away
// for a moment changes it. [Members] rank themselves for each service by a hash (highest
// random weight), so that every node that knows the same members comes to the same result,
// and a change of the members moves only what it must. [View.Share] is what of all that
// should be announced falls to one node.
//
// # Added before removed
//
// A service that falls to other nodes is kept until it was seen that each of them holds it
// and is passing. It is not enough that as many nodes do, whichever they are: two nodes that
// give it up at the same time would count each other.
package spread
