package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/llmload/llmload/results"
)

// ErrIncomplete is the error of shards that are not all there, or did not all finish.
var ErrIncomplete = errors.New("the shards are not complete")

// ErrForeign is the error of folders that are not the shards of one run, or not only those.
var ErrForeign = errors.New("these are not the shards of one run")

// checkShards sorts the shards of one run by their number and refuses by name what does not belong together, as an ErrForeign.
// What is not there, or was not finished, is an ErrIncomplete.
func checkShards(runs []*Run) (sorted []*Run, err error) {
	if len(runs) == 0 {
		return nil, errors.New("there is no shard to merge")
	}
	var errs []error
	seen := map[int]*Run{}
	for _, r := range runs {
		switch why := foreign(runs[0], r); {
		case r.Summary.Run.Shard == nil:
			errs = append(errs, fmt.Errorf("%s is no shard: it holds the whole of a run", r.Dir))
		case why != "":
			errs = append(errs, fmt.Errorf("%s is a shard of another run than %s: %s", r.Dir, runs[0].Dir, why))
		case seen[r.shard().Index] != nil:
			errs = append(errs, fmt.Errorf("shard %d is there twice: %s and %s", r.shard().Index, seen[r.shard().Index].Dir, r.Dir))
		default:
			seen[r.shard().Index] = r
			sorted = append(sorted, r)
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrForeign, errors.Join(errs...))
	}
	slices.SortFunc(sorted, func(a, b *Run) int { return cmp.Compare(a.shard().Index, b.shard().Index) })
	return sorted, incomplete(sorted, seen)
}

func (r *Run) shard() *results.Shard { return r.Summary.Run.Shard }

// foreign says in what a shard is not of the same run as the first; empty: in nothing.
func foreign(first, r *Run) string {
	a, b := first.Summary, r.Summary
	if a.Run.Shard == nil || b.Run.Shard == nil {
		return ""
	}
	var why []string
	for _, f := range []struct{ what, of, is string }{
		{"plan", a.Run.PlanSHA256, b.Run.PlanSHA256},
		{"number of shards", fmt.Sprint(a.Run.Shard.Count), fmt.Sprint(b.Run.Shard.Count)},
		{"start", a.Run.Shard.StartAt.String(), b.Run.Shard.StartAt.String()},
		{"target", a.Target.Endpoint, b.Target.Endpoint},
		{"model", a.Target.Model, b.Target.Model},
		{"version of llmload", a.Run.ToolVersion, b.Run.ToolVersion},
	} {
		if f.of != f.is {
			why = append(why, fmt.Sprintf("its %s is %s, not %s", f.what, f.is, f.of))
		}
	}
	return strings.Join(why, "; ")
}

// incomplete names the shards that are missing or did not finish.
func incomplete(sorted []*Run, seen map[int]*Run) error {
	var why []string
	for i := range sorted[0].shard().Count {
		if r := seen[i]; r == nil {
			why = append(why, missingShard(sorted, i))
		} else if !r.Finished() {
			why = append(why, unfinishedShard(r))
		}
	}
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrIncomplete, strings.Join(why, "; "))
}

func missingShard(sorted []*Run, i int) string {
	return fmt.Sprintf("shard %d of %d is missing", i, sorted[0].shard().Count)
}

func unfinishedShard(r *Run) string {
	return fmt.Sprintf("shard %d of %d did not finish (%s): it was killed, or runs still", r.shard().Index, r.shard().Count, r.Dir)
}
