#!/bin/sh
# One run on {{.Shards}} nodes, written by `llmload submit slurm`: a gang of tasks, so that all start at once, then the merge.
#SBATCH --job-name={{.Name}}
#SBATCH --nodes={{.Shards}}
#SBATCH --ntasks={{.Shards}}
#SBATCH --ntasks-per-node=1
#SBATCH --output={{shell .Log}}
{{- if .Partition}}
#SBATCH --partition={{shell .Partition}}
{{- end}}
{{- if .Time}}
#SBATCH --time={{shell .Time}}
{{- end}}
set -u
start=$(($(date +%s) + {{.Lead}})) # one moment for all tasks; one that comes later sends nothing and ends with 4
srun --kill-on-bad-exit=0 --wait=0 {{words .Run}} --start-at "$start"
rc=$?
wait=60s # for what a file system of the network is late to show
if [ "$rc" -ge 128 ]; then wait=0s; fi # a task was killed: nothing of it will come
{{words .Merge}} --wait "$wait"
