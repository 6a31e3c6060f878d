// Package agent runs the loop: watch, decode, plan, apply, report.
//
// These tasks run until the context ends, and only they wait:
//
//	watch      KV tree -> newest known Snapshot       watch.go, knowledge.go
//	drift      "look at the local agent again"        drift.go
//	rotation   token file -> token in force           token.go
//	loop       Snapshot -> Pass -> Status             loop.go, round.go, pass.go
//	http       Status -> people and Prometheus        http.go, metrics.go
//
// The loop owns all state. What it shows, it shows as finished values: a
// Status that nobody changes any more, and metrics.
//
// Unknown is not empty: a Snapshot exists only for an answer that proves what the
// whole tree is (knowledge.go says when). Until there is one, nothing is planned;
// when none follows, the last one stays in force.
package agent
