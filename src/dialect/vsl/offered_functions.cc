// A function for each question that all dialects offer, policy/questions/offered.h.
#include "policy/questions/offered.h"

#include "dialect/vsl/compiler.h"
#include "dialect/vsl/functions.h"

namespace postern::dialect::vsl {

using policy::questions::Finding;
using policy::questions::offered;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

template <std::size_t row>
bool holds(Call& call) {
  const Context& context = rule_of(call);
  if (context.stage < offered[row].from) {
    too_early(offered[row].name, word_of(offered[row].from));
  }
  const Finding found = offered[row].ask(context.evidence);
  demand(found.is != Finding::Is::unknown, found.words);
  return found.is == Finding::Is::holds;
}

template <std::size_t... row>
Group offered_rows(std::index_sequence<row...> /*rows*/) {
  static const std::string names[] = {"vsl." + std::string(offered[row].name)...};
  static const HostFunction rows[] = {
      {names[row], "", "bool", offered[row].holds, bind<&holds<row>>}...};
  static constexpr Allowed stages[] = {{offered[row].name, offered[row].from}...};
  return {rows, stages};
}

}  // namespace

Group offered_functions() { return offered_rows(std::make_index_sequence<std::size(offered)>()); }

}  // namespace postern::dialect::vsl
