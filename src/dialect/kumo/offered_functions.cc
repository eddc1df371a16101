#include "dialect/kumo/offered_functions.h"

#include "dialect/kumo/context.h"
#include "policy/questions/offered.h"

namespace postern::dialect::kumo {

namespace {

using policy::questions::Finding;
using policy::questions::offered;

template <std::size_t row>
script::Many ask_offered(script::Call& call) {
  const Finding found = offered[row].ask(hook_of(call).evidence);
  const bool known = found.is != Finding::Is::unknown;
  json::value holds;
  if (known) holds = found.is == Finding::Is::holds;
  return {{std::move(holds), json::value(found.words)}};
}

template <std::size_t... row>
script::HostTable offered_rows(std::index_sequence<row...> /*rows*/) {
  static const std::string names[] = {"kumo.postern." + std::string(offered[row].name)...};
  static const std::string help[] = {std::string(offered[row].holds) +
                                     " nil: not known. The second result is what was seen." ...};
  static const script::HostFunction rows[] = {
      {names[row], "", "boolean|nil, string", help[row], script::bind<&ask_offered<row>>}...};
  return rows;
}

}  // namespace

script::HostTable offered_functions() {
  return offered_rows(std::make_index_sequence<std::size(offered)>());
}

}  // namespace postern::dialect::kumo
