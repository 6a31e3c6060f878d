// Package agent runs the loop: watch, decode, plan, apply, report.
package agent
