#include "policy/questions/dkim.h"

#include <algorithm>
#include <span>

#include "policy/authentication_text.h"

namespace postern::policy::questions {

namespace {

using mailauth::dkim::Results;
using mailauth::dkim::SignatureResult;

}  // namespace

Dkim::Says says(const SignatureResult& signature, const DomainSet* domains) {
  const bool counts =
      domains == nullptr || domains->empty() || domains->contains(signature.signature.domain);
  if (signature.acceptable && counts) return Dkim::Says::vouched;
  if (signature.status == mailauth::dkim::Status::temperror && counts)
    return Dkim::Says::unanswered;
  return signature.status == mailauth::dkim::Status::pass ? Dkim::Says::unacceptable
                                                          : Dkim::Says::unverified;
}

Dkim dkim(const Evidence& evidence, const DomainSet* domains) {
  using Says = Dkim::Says;
  if (!evidence.dkim) return {};
  const Results& results = *evidence.dkim;
  const auto any = [&](auto&& holds) { return std::ranges::any_of(results.signatures, holds); };
  const auto any_says = [&](Says wanted) {
    return any([&](const SignatureResult& one) { return says(one, domains) == wanted; });
  };
  if (any_says(Says::vouched)) return {Says::vouched, &results};
  // A later attempt may succeed, but not with several authors or a header of two readings.
  const bool may_help = results.from_fields == 1 &&
                        !any([](const SignatureResult& one) { return one.header_ambiguous; });
  if (may_help && any_says(Says::unanswered)) return {Says::unanswered, &results};
  return {any_says(Says::unacceptable) ? Says::unacceptable : Says::unverified, &results};
}

std::string Dkim::words() const {
  return results != nullptr ? describe(*results) : "DKIM was not evaluated";
}

std::vector<std::string> vouching_domains(const Evidence& evidence) {
  std::vector<std::string> domains;
  if (!evidence.dkim) return domains;
  for (const SignatureResult& one : evidence.dkim->signatures) {
    if (says(one) == Dkim::Says::vouched) domains.push_back(one.signature.domain);
  }
  return domains;
}

const SignatureResult* telling_signature(const Results& results, std::size_t most) {
  const std::span all(results.signatures.data(), std::min(results.signatures.size(), most));
  if (all.empty()) return nullptr;
  const auto passed = std::ranges::find_if(all, [](const SignatureResult& one) {
    return one.reported() == mailauth::dkim::Status::pass;
  });
  return passed != all.end() ? &*passed : &all.back();
}

}  // namespace postern::policy::questions
