#include "policy/questions/offered.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "mail/hostname.h"
#include "policy/evidence.h"
#include "policy/verdict.h"

namespace postern::policy::questions {

Finding helo_literal_is_client(const Evidence& evidence) {
  const std::string_view helo = evidence.session.helo;
  const IpAddress& client = evidence.session.client_ip;
  if (helo.empty()) return {Finding::Is::unknown, "no name was given"};
  if (!helo.starts_with('[')) return {Finding::Is::holds, "HELO is no address literal"};
  if (!client.is_known()) return {Finding::Is::unknown, "the client's address is not known"};
  const auto named = mail::literal_address(helo);
  std::string words =
      fmt::format("HELO is {}, the client {}", printable(helo, 64), client.to_string());
  return {named == client ? Finding::Is::holds : Finding::Is::fails, std::move(words)};
}

const Offered* find_offered(std::string_view name) {
  const auto found =
      std::ranges::find_if(offered, [&](const Offered& one) { return one.name == name; });
  return found == std::end(offered) ? nullptr : found;
}

namespace {

// Plans ask at RCPT: at the end of data several refusals of a webhook policy are answered in the
// words of SPF and DKIM (dialect/webhook/layer.h).
static_assert(std::ranges::all_of(offered,
                                  [](const Offered& one) { return one.from <= Stage::rcpt; }));

template <std::size_t row>
Verdict judge(const Evidence& evidence, const Argument& /*argument*/) {
  constexpr const Offered& question = offered[row];
  Finding found = question.ask(evidence);
  switch (found.is) {
    case Finding::Is::holds:
      return pass_on(std::move(found.words));
    case Finding::Is::unknown:  // and it stays so: RCPT is later than `from`
      return refuse(question.code, question.enhanced,
                    fmt::format("{} is not known", question.label), std::move(found.words));
    case Finding::Is::fails:
      break;
  }
  return refuse(question.code, question.enhanced, std::string(question.text),
                std::move(found.words));
}

template <std::size_t... row>
std::span<const Check> checks(std::index_sequence<row...> /*rows*/) {
  static const std::string replies[] = {
      fmt::format("{} {}", offered[row].code, offered[row].enhanced.to_string())...};
  static const Check all[] = {{.name = offered[row].name,
                               .stage = Stage::rcpt,
                               .needs = Need::none,
                               .judge = judge<row>,
                               .help = offered[row].holds,
                               .replies = replies[row],
                               .control = offered[row].name}...};
  return all;
}

}  // namespace

std::span<const Check> offered_checks() {
  return checks(std::make_index_sequence<std::size(offered)>());
}

}  // namespace postern::policy::questions
