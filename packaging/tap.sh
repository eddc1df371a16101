# Shared by the tests of this folder, beside common.sh: one line a rule, as TAP has it. Source it; `plan` comes last.
n=0 failed=0

# judge TITLE COMMAND...: a rule, ok when COMMAND succeeds; the end of what it printed is shown when it does not.
judge() {
  local title=$1 text; shift
  n=$((n + 1))
  if text=$("$@" 2>&1); then
    echo "ok $n - $title"
  else
    failed=$((failed + 1))
    echo "not ok $n - $title"
    sed 's/^/#   /' <<< "$text" | tail -n 15
  fi
}

rule() { judge "$@"; }

# skip TITLE WHY: a rule that was not looked at is never a plain ok.
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# plan: the number of rules. Fails when one failed.
plan() { echo "1..$n"; [ "$failed" -eq 0 ]; }

# longest_gap FILE: of lines "TIME 1" (it greeted) and "TIME 0" (it did not), the seconds of the longest time without a greeting, from
# the first line to the last. Fails when the first or the last line has no greeting: then nobody knows how long that silence was.
longest_gap() {
  awk 'NR == 1 { first = $2; at = $1 }
    $2 == 1 { if ($1 - at > gap) gap = $1 - at; at = $1 }
    { last = $2; end = $1 }
    END { if (end - at > gap) gap = end - at; printf "%.2f", gap; exit !(NR > 1 && first == 1 && last == 1) }' "$1"
}
