# SPDX-License-Identifier: Apache-2.0
# bash completion for understudyctl: commands, then names of services and endpoints, asked of the daemon.

_understudyctl_names() {
	"${COMP_WORDS[0]}" "$@" --json endpoints 2>/dev/null |
		sed -nE 's/^ *"(service|endpoint)": "([^"]*)",?$/\1 \2/p' |
		awk '$1 == "service" { service = $2 } $1 == "endpoint" { print service, $2 }'
}

_understudyctl() {
	local current=${COMP_WORDS[COMP_CWORD]} command="" position=0 socket=() names i
	local commands="status services endpoints flows lcores ports drops events explain forecast risk decisions policy approve simulate history models measurements neighbours config
		shift mirror drain failover weight reload top backtest"
	local arguments=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket) ((i++)); socket=(--socket "${COMP_WORDS[i]}") ;;
		-*) ;;
		*)
			if [[ -z $command ]]; then
				command=${COMP_WORDS[i]}
			else
				arguments+=("${COMP_WORDS[i]}")
				((position++))
			fi
			;;
		esac
	done
	COMPREPLY=()
	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --socket ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	if [[ $current == -* ]]; then
		local options="--json --socket --help"
		case $command in
		mirror) options+=" --shadows --pps --bps" ;;
		drain) options+=" --undo" ;;
		events) options+=" --follow" ;;
		decisions) options+=" --follow --since" ;;
		risk) options+=" --explain" ;;
		history) options+=" --since --until --step --csv --plot" ;;
		simulate) options+=" --since --until" ;;
		backtest)
			case ${arguments[0]} in
			anomaly) options="--input --output --plot --value --time --cadence --learn" ;;
			forecast) options="--input --test --value --time --season --horizon --every --quantiles --output --plot --statement --step" ;;
			risk) options="--train --test --unit --time --cap --horizon --output --plot" ;;
			esac
			;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
		return
	fi
	if [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
		return
	fi
	case $command in
	models)
		((position > 0)) || names="list export reset"
		;;
	backtest | simulate)
		if [[ $command == backtest && $position == 0 ]]; then
			names="anomaly forecast risk"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
		fi
		;;
	shift | mirror | drain | failover | weight | history | policy | approve)
		if ((position == 0)); then
			names=$(_understudyctl_names "${socket[@]}" | awk '{ print $1; print $1 "/" $2 }')
		elif ((position == 1)) && [[ ${arguments[0]} != */* ]]; then
			names=$(_understudyctl_names "${socket[@]}" |
				awk -v s="${arguments[0]}" '$1 == s { print $2 }')
		fi
		[[ $command != policy || $position == 0 ]] || names+=" observe advise act file hold release"
		;;
	endpoints | forecast | risk | measurements)
		names=$(_understudyctl_names "${socket[@]}" | awk '{ print $1; print $1 "/" $2 }')
		;;
	flows)
		names="service= endpoint= client= destination= protocol=tcp protocol=udp state= limit="
		[[ $current == *=* || $current == "=" ]] && names=""
		compopt -o nospace
		;;
	explain)
		((position == 2)) && names="tcp udp"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
}

complete -F _understudyctl understudyctl
