// Package measure has what benchmarks of Consul's clients need: what a process used of the
// processor and of memory, what passed over a connection, how a set of times is
// described, Services of a realistic size, and plots and tables for the documents.
package measure
