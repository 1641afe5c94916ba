// Package report tells people what a run measured: tables for a terminal, plots for a page.
//
// Goals: every figure carries its unit, what could not be measured says so instead of looking like a number, the
// instrument's own error stands beside the results, and the same summary always gives the same bytes.
//
// Non-goals: computing a metric (package results does), judging a threshold, reading run folders, choosing colours for
// a terminal that it has not been told about.
package report
