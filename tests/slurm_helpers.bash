# SPDX-License-Identifier: GPL-2.0-or-later
# slurm: a cluster of two nodes on this machine, of a test's own: munged, slurmctld and a
# slurmd for each node, with their ports, sockets and files in one folder, $CLUSTER.
# shellcheck shell=bash

PATH=$PATH:/usr/sbin:/sbin

# slurm_start FOLDER: the cluster, or a word on what it lacks in FOLDER/lacks.
slurm_start() {
	local program port
	CLUSTER=$1
	export SLURM_CONF=$CLUSTER/slurm.conf
	mkdir -p "$CLUSTER"
	for program in munged slurmctld slurmd slurmstepd sbatch; do
		[ -n "$(command -v "$program")" ] || [ -x /usr/sbin/"$program" ] ||
			slurm_lacks "$program" || return 0
	done
	[ "$(id -u)" -eq 0 ] || slurm_lacks "root, as slurmd does" || return 0
	mkdir "$CLUSTER/state" "$CLUSTER/munge"
	slurm_start_munge || slurm_lacks "a munged that runs" || return 0
	for _ in 1 2 3; do
		port=$((20000 + RANDOM % 20000))
		slurm_write_config "$port"
		slurm_run slurmctld -c
		slurm_start_node n1
		slurm_start_node n2
		! slurm_wait_until 10 slurm_is_idle || return 0
		slurm_stop_daemons
	done
	slurm_lacks "a slurmctld and slurmds that run: $(tail -n 2 "$CLUSTER"/slurmctld.log)"
	return 0
}

slurm_lacks() {
	echo "lacks $1" >"$CLUSTER/lacks"
	return 1
}

slurm_skip_if_lacking() {
	[ ! -e "$CLUSTER/lacks" ] || skip "$(cat "$CLUSTER/lacks")"
}

# A daemon must not hold what bats waits for.
slurm_run() {
	"$@" </dev/null >>"$CLUSTER/daemons.log" 2>&1 3>&-
}

slurm_start_munge() {
	local m=$CLUSTER/munge
	(umask 077 && head -c 1024 /dev/urandom >"$m/key")
	slurm_run munged --force --key-file="$m/key" --socket="$m/socket" \
		--pid-file="$m/pid" --log-file="$m/log" --seed-file="$m/seed"
}

# MaxArraySize=4: arrays of three tasks. A task that was requeued may start again once its
# credential has expired; a node that comes back is asked for tasks that began some seconds
# ago, after the two timeouts.
slurm_write_config() {
	local host
	host=$(hostname -s)
	cat >"$SLURM_CONF" <<-CONFIG
		ClusterName=workunit
		SlurmctldHost=$host(127.0.0.1)
		SlurmctldPort=$1
		SlurmUser=root
		SlurmdUser=root
		AuthType=auth/munge
		AuthInfo=socket=$CLUSTER/munge/socket,cred_expire=5
		CredType=cred/munge
		StateSaveLocation=$CLUSTER/state
		SlurmdSpoolDir=$CLUSTER/spool-%n
		SlurmctldPidFile=$CLUSTER/slurmctld.pid
		SlurmdPidFile=$CLUSTER/%n.pid
		SlurmctldLogFile=$CLUSTER/slurmctld.log
		SlurmdLogFile=$CLUSTER/%n.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core_Memory
		MpiDefault=none
		SwitchType=switch/none
		ReturnToService=2
		SlurmdTimeout=20
		KillWait=5
		BatchStartTimeout=1
		MessageTimeout=3
		MaxArraySize=4
		SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
		SlurmdParameters=config_overrides
		NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(($1 + 1)) CPUs=2 RealMemory=1024
		NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(($1 + 2)) CPUs=2 RealMemory=1024
		PartitionName=all Nodes=n1,n2 Default=YES State=UP MaxTime=60
	CONFIG
	echo CgroupPlugin=cgroup/v1 >"$CLUSTER/cgroup.conf"
}

slurm_start_node() {
	slurm_run slurmd -N "$1" -c
}

slurm_is_idle() {
	[ "$(sinfo -h -N -o %T 2>/dev/null | grep -c idle)" -eq 2 ]
}

# slurm_wait_until SECONDS COMMAND…
slurm_wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return
		sleep 0.3
	done
}

# slurm_is_done RESULTS: nothing that was submitted for them is queued or running.
slurm_is_done() {
	[ -z "$(squeue -h --name="$(cd "$1/.submit" && echo *-* | tr ' ' ,)" 2>&1)" ]
}

# The processes that descend from these, and these.
slurm_descendants() {
	local pid
	for pid; do
		echo "$pid"
		# shellcheck disable=SC2046 # numbers
		slurm_descendants $(ps -o pid= --ppid "$pid")
	done
}

# slurm_tasks NODE: the shells that run tasks there.
slurm_tasks() {
	ps -eo pid=,args= | awk -v script="$CLUSTER/spool-$1/job" \
		'$2 == "/bin/sh" && index($3, script) == 1 { print $1 }'
}

# slurm_kill_node NODE: as a loss of power ends all that runs on it.
slurm_kill_node() {
	local task pids
	pids=$(cat "$CLUSTER/$1.pid" 2>/dev/null)
	for task in $(slurm_tasks "$1"); do
		pids+=" $(ps -o ppid= -p "$task") $(slurm_descendants "$task")"
	done
	# shellcheck disable=SC2086 # numbers
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
}

slurm_stop_daemons() {
	local file
	slurm_kill_node n1
	slurm_kill_node n2
	for file in "$CLUSTER/slurmctld.pid" "$@"; do
		[ ! -s "$file" ] || kill -KILL "$(cat "$file")" 2>/dev/null || true
	done
	# slurmscriptd ends with slurmctld.
}

slurm_stop() {
	[ -n "${CLUSTER:-}" ] || return 0
	slurm_stop_daemons "$CLUSTER/munge/pid"
}
